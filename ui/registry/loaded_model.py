"""A model that is served: with an engine of its own in a thread, a greeting and examples. Knows nothing of pages."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from model import CharLSTM, Engine, LanguageModel, SamplingParams
from model.backends.backend import Precision

from ..messages import Message
from ..site_config import SiteConfig
from .welcome import examples_of, welcome_text_of

BUNDLED = "bundled"


@dataclass(eq=False)
class LoadedModel:
    """A model that writes.

    Attributes:
        name: what the page and the API call it.
        greeting: a short sample of its own, for an empty page.
        examples: prompts that suit it; "" is one too.
        newer: what is served in its place, if it is not served any more.
        gone: whether its weights are: nothing was to be written any more.
        refused: why a newer commit is not served; None if there is none.
        parts: the two that it is, when they write together.
    """

    name: str
    lm: LanguageModel
    engine: Engine
    thread: threading.Thread
    examples: tuple[str, ...] = ("",)
    welcome_text: str = ""
    newer: LoadedModel | None = None
    gone: bool = False
    refused: Message | None = None
    parts: tuple[LoadedModel, ...] = ()

    @property
    def commit(self) -> str:
        """Of the Hub, 40 hex digits; "" if it came from a folder."""
        return self.lm.commit or ""

    @property
    def is_blend(self) -> bool:
        """Whether two models write together."""
        return len(self.lm.models) > 1

    def reader(self, params: SamplingParams) -> LanguageModel:
        """The model as it writes with some settings: to read what it has written."""
        return self.lm.with_share(params.share)

    def share_of(self, params: SamplingParams) -> float:
        """How much the second of two models has a say in what is written with some settings."""
        share = self.lm.share if params.share is None else params.share
        return share or 0.0

    @property
    def now(self) -> LoadedModel:
        """What is served today under its name: itself, or a newer commit."""
        served = self
        while served.newer:
            served = served.newer
        return served

    @property
    def about(self) -> list[Message]:
        """Short facts: what it was trained on, commit, size, device."""
        config = self.lm.config
        corpus = self.lm.training.get("corpus")
        return [
            *([Message("model.corpus", corpus=corpus[:60])] if isinstance(corpus, str) and corpus else []),
            *([Message("model.commit", commit=self.lm.commit[:7])] if self.lm.commit else []),
            Message("model.parameters", count=_short_number(config.parameters)),
            Message("model.layers", layers=config.num_layers, cells=config.hidden_size),
            Message("model.characters", count=config.vocab_size),
            Message("model.device", device=self.lm.device.type.upper()),
        ]


def begin_serving(name: str, lm: CharLSTM, precision: Precision | None, site: SiteConfig) -> LoadedModel:
    """Starts the model's engine and lets it write its greeting."""
    engine, thread = start_engine(name, lm, precision, site)
    examples = examples_of(lm, site.blocked, bundled=name == BUNDLED)
    return LoadedModel(name, lm, engine, thread, examples, welcome_text_of(engine))


def start_engine(
    name: str, lm: LanguageModel, precision: Precision | None, site: SiteConfig
) -> tuple[Engine, threading.Thread]:
    """An engine for a model, and the thread that it runs in."""
    engine = Engine(lm, precision=precision, max_slots_per_client=site.rows_each, blocked=site.blocked)
    thread = threading.Thread(target=engine.run, name=f"engine {name}", daemon=True)
    thread.start()
    return engine, thread


def _short_number(number: int) -> str:
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return str(number)
