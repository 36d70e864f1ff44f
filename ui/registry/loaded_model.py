"""A loaded model: its weights, an engine in a thread; welcome text and example prompts, for an empty page."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import torch

from model import BlockedWords, CharLSTM, Engine, LanguageModel, SamplingParams
from model.checkpoint.record import stored_welcome, whole_lines
from model.engine.blend import default_precision
from model.settings import WELCOME_LENGTH, WELCOME_SEEDS, Precision
from model.terminal import one_line

from ..messages import Message
from ..site_config import SiteConfig

MAX_EXAMPLES = 4
_DEADLINE_S = 5.0
_MAX_EXAMPLE = 60  # characters
_WAITING_EACH = 32  # all calls without a session from one address count as one client, such as those of a class of 30


@dataclass(eq=False, kw_only=True)
class Preview:
    """What a page shows of a model, also of one that is loaded on first use.

    Attributes:
        lm: the vocabulary and the config; and the weights, if it is loaded.
        precision: the precision in which it writes.
        device: where it runs.
        examples: example prompts; "" is an empty prompt.
        welcome_text: a text by the model, which an empty page shows.
        welcome_seed: the seed of the welcome text.
        refused_commit: why a newer commit is not served; None if no commit was refused.
    """

    lm: LanguageModel
    precision: Precision
    device: torch.device
    examples: tuple[str, ...] = ("",)
    welcome_text: str = ""
    welcome_seed: int = 0
    refused_commit: Message | None = None

    @property
    def commit(self) -> str:
        """The commit on the Hub, 40 hex digits; "" for a folder."""
        return self.lm.commit or ""

    @property
    def about(self) -> list[Message]:
        """Short facts: what it was trained on, commit, size, device; and which commit was refused."""
        corpus, config = self.lm.training.get("corpus"), self.lm.config
        return [
            *([Message("model.corpus", corpus=one_line(corpus, 60))] if corpus else []),
            *([Message("model.commit", commit=self.commit[:7])] if self.commit else []),
            Message("model.parameters", count=config.parameters),
            Message("model.layers", layers=config.num_layers, cells=config.hidden_size),
            Message("model.characters", count=config.vocab_size),
            Message("model.device", device=self.device.type.upper()),
            *([self.refused_commit] if self.refused_commit else []),
        ]


@dataclass(eq=False, kw_only=True)
class LoadedModel(Preview):
    """A model, or a blend of two, that is served.

    Attributes:
        name: its name on the page and in the API.
        engine: writes the replies.
        thread: runs the engine.
        newer: the model with a newer commit that replaced this one; None while this one is current.
        parts: the two models of a blend; empty for one model.
    """

    name: str
    engine: Engine
    thread: threading.Thread
    newer: LoadedModel | None = None
    parts: tuple[LoadedModel, ...] = ()

    @property
    def is_blend(self) -> bool:
        """Whether it is a blend of two models."""
        return len(self.lm.models) > 1


def preview_of(lm: CharLSTM, precision: Precision | None, device: str, site: SiteConfig) -> Preview:
    """Returns the preview of a model whose weights are not loaded, with the welcome text that it stores."""
    (text, seed), examples = stored_welcome_text_of(lm, site.blocked), example_prompts(lm, site.blocked)
    precision = precision or default_precision(lm)
    where = torch.device(device)
    return Preview(lm=lm, precision=precision, device=where, examples=examples, welcome_text=text, welcome_seed=seed)


def start_model(name: str, lm: CharLSTM, precision: Precision | None, site: SiteConfig) -> LoadedModel:
    """Starts a model's engine and generates its welcome text; returns the model with both."""
    loaded = start_engine(name, lm, precision, site)
    loaded.examples = example_prompts(lm, site.blocked)
    loaded.welcome_text, loaded.welcome_seed = welcome_text_of(loaded.engine, lm)
    return loaded


def start_engine(
    name: str, lm: LanguageModel, precision: Precision | None, site: SiteConfig, parts: tuple[LoadedModel, ...] = ()
) -> LoadedModel:
    """Starts an engine for a model, or for the blend of two ``parts``; returns the model with it."""
    engine = Engine(
        lm,
        precision=precision,
        max_slots_per_client=site.rows_each,
        max_waiting_per_client=_WAITING_EACH,
        blocked=site.blocked,
    )
    thread = threading.Thread(target=engine.run, name=f"engine {name}", daemon=True)
    thread.start()
    return LoadedModel(
        name=name, lm=lm, precision=engine.precision, device=lm.device, engine=engine, thread=thread, parts=parts
    )


def example_prompts(lm: CharLSTM, blocked: BlockedWords) -> tuple[str, ...]:
    """Returns the example prompts in config.json whose characters the model knows; ("",) if there are none."""
    fitting = [
        text
        for text in dict.fromkeys(lm.training.get("examples", []))
        if 0 < len(text) <= _MAX_EXAMPLE and lm.tokenizer.in_vocab(text).all() and not blocked.inside(text)
    ]
    return tuple(fitting[:MAX_EXAMPLES]) or ("",)


def welcome_text_of(engine: Engine, lm: CharLSTM) -> tuple[str, int]:
    """Returns the stored welcome text and its seed; without one, a text that the model generates without a prompt.

    Beside a stored text the engine writes one character, so that its kernels are compiled before the first request.
    Another seed is tried if a text ends before a blocked word or begins with an empty line. The longest is cut after a
    word or a line. The engine must be running.
    """
    stored = stored_welcome_text_of(lm, engine.blocked)
    if stored[0]:
        engine.add_request("", SamplingParams(length=1))
        return stored
    text, chosen = "", WELCOME_SEEDS[0]
    for seed in WELCOME_SEEDS:
        sequence = engine.add_request("", SamplingParams(length=WELCOME_LENGTH, seed=seed), deadline_s=_DEADLINE_S)
        sequence.wait(2 * _DEADLINE_S)
        found = sequence.text.rstrip("\n")
        if len(found) > len(text):
            text, chosen = found, seed
        if found and sequence.finish_reason != "blocked" and not found.startswith("\n"):
            text, chosen = found, seed
            break
    return whole_lines(text), chosen


def stored_welcome_text_of(lm: CharLSTM, blocked: BlockedWords) -> tuple[str, int]:
    """Returns the welcome text that `config.json` stores, and its seed; ("", 0) without one, or with a blocked word."""
    text, seed = stored_welcome(lm.training)
    return ("", 0) if blocked.inside(text) else (text, seed)
