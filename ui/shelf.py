"""The models that are served: each loaded once, at one commit, with one engine in one thread.

They load in the background, so that a Hub that is slow or away never keeps the page from answering. What cannot
be loaded is said; when nothing else is left, the bundled model writes. Knows nothing of pages.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence as Names
from dataclasses import dataclass, field
from pathlib import Path

import torch

from model import (
    PRETRAINED,
    BlockedWords,
    CharLSTM,
    CheckpointError,
    Engine,
    ModelUnavailableError,
    SamplingParams,
)
from model.char_lstm import is_local, split_revision
from model.sampler import shorten
from model.stepper import Arithmetic

from .owner import Owner
from .settings import RefusalError

log = logging.getLogger("char-lstm")

BUNDLED = "bundled"
GREETING_SEED = 7
GREETING_LENGTH = 240
_GREETINGS = 8  # that are tried, at most
_GREETING_S = 5.0  # on a slow machine it is as long as it got in this time
_BUNDLED_EXAMPLES = ("ROMEO:", "First Citizen:\n", "To be, or not to be", "Once upon a time")
MAX_EXAMPLES = 4
_MAX_EXAMPLE = 60  # characters


@dataclass(eq=False)
class Served:
    """A model that writes.

    Attributes:
        name: what the page and the API call it.
        greeting: a short sample of its own, for an empty page.
        examples: prompts that suit it; "" is one too.
    """

    name: str
    lm: CharLSTM
    engine: Engine
    thread: threading.Thread
    examples: tuple[str, ...] = ("",)
    greeting: str = ""

    @property
    def about(self) -> str:
        """One line: what it has read, commit, size, device."""
        config = self.lm.config
        corpus = self.lm.training.get("corpus")
        read = [f"has read {corpus[:60]}"] if isinstance(corpus, str) and corpus else []
        layers = f"{config.num_layers} layer{'s' if config.num_layers > 1 else ''} of {config.hidden_size} cells"
        commit = [f"commit {self.lm.commit[:7]}"] if self.lm.commit else []
        size = f"{_short_number(config.parameters)} parameters"
        return " · ".join(
            [*read, *commit, size, layers, f"{config.vocab_size} characters", f"on {self.lm.device.type.upper()}"]
        )


@dataclass
class Entry:
    """A model that was asked for, and what became of it: loading, served, or why not."""

    spec: str
    name: str
    served: Served | None = None
    failure: str = ""
    done: threading.Event = field(default_factory=threading.Event)


class Shelf:
    """The models by name, the first being the one that is chosen unless another is.

    Args:
        specs: paths, Hub ids with an optional ``@REVISION``, or "bundled"; none is the bundled model.
        device: where they write; chosen when None.
        arithmetic: how they write, "int8" or "float32"; what fits each model when None.
        owner: what holds for all of them.
    """

    def __init__(
        self,
        specs: Names[str] = (),
        *,
        device: torch.device | str | None = None,
        arithmetic: Arithmetic | None = None,
        owner: Owner | None = None,
    ) -> None:
        self.device = device or choose_device()
        self.arithmetic = arithmetic
        self.owner = owner or Owner()
        self._entries = [Entry(spec, name) for spec, name in zip(specs, _names(specs), strict=True)]
        self._settled = threading.Event()
        self._stopped = False

    def add(self, name: str, lm: CharLSTM) -> Served:
        """Serves a model that is in memory already."""
        served = _serve(name, lm, self.arithmetic, self.owner)
        entry = Entry(name, name, served)
        entry.done.set()
        self._entries.append(entry)
        return served

    def start(self, *, after: threading.Event | None = None) -> None:
        """Begins to load, each model in a thread of its own: one that hangs keeps no other back.

        Args:
            after: engines are made after this event. Making the first one takes all that Python gives.
        """
        waiting = [entry for entry in self._entries if not entry.done.is_set()]
        threads = [threading.Thread(target=self._load, args=(entry, after), daemon=True) for entry in waiting]
        for thread in threads:
            thread.start()
        threading.Thread(target=self._settle, daemon=True).start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits until every model is served or given up. Returns whether that is so."""
        return self._settled.wait(timeout_s)

    def stop(self) -> None:
        """Ends every engine, and each reply with it."""
        self._stopped = True
        for served in self.served:
            served.engine.stop()

    @property
    def settled(self) -> bool:
        return self._settled.is_set()

    @property
    def served(self) -> list[Served]:
        return [entry.served for entry in self._entries if entry.served]

    @property
    def names(self) -> list[str]:
        """What can be chosen, those that still load included."""
        return [entry.name for entry in self._entries if not entry.failure] or [BUNDLED]

    @property
    def loading(self) -> list[str]:
        return [entry.name for entry in self._entries if not entry.done.is_set()]

    @property
    def notices(self) -> list[str]:
        """What visitors should know: models that are not there, or are not the newest."""
        notices = [entry.failure for entry in self._entries if entry.failure]
        if notices and any(served.name == BUNDLED for served in self.served):
            notices.append("The bundled model writes instead.")
        return notices + [served.lm.notice for served in self.served if served.lm.notice]

    def first(self) -> Served | None:
        """The model that is chosen unless another is; None while it loads."""
        return next((entry.served for entry in self._entries if not entry.failure), None)

    def get(self, name: object) -> Served:
        """A model by name; None is the first.

        Raises:
            RefusalError: there is none of this name, or it is not served (yet).
        """
        if name is None:
            served = self.first()
            if served is None:
                raise RefusalError("", "The model is still being loaded: try again in a moment.")
            return served
        entry = next((entry for entry in self._entries if entry.name == name), None)
        if entry is None:
            allowed = ", ".join(self.names)
            raise RefusalError("model", f"is {shorten(name)}: it must be one of those served here: {allowed}")
        if entry.failure:
            raise RefusalError("", entry.failure)
        if entry.served is None:
            raise RefusalError("model", f"{entry.name} is still being loaded: try again in a moment")
        return entry.served

    def _settle(self) -> None:
        for entry in self._entries:
            entry.done.wait()
        if not self.served:
            bundled = Entry(str(PRETRAINED), BUNDLED)
            self._entries.append(bundled)
            self._load(bundled, None)
        self._settled.set()

    def _load(self, entry: Entry, after: threading.Event | None) -> None:
        try:
            id_or_path, revision = split_spec(entry.spec)
            lm = CharLSTM.from_pretrained(id_or_path, revision=revision, device=self.device)
            if after:
                after.wait()
            served = _serve(entry.name, lm, self.arithmetic, self.owner)
            if self._stopped:
                served.engine.stop()
            entry.served = served
            log.info("serving %s: %s", served.name, served.about)
        except Exception as error:  # noqa: BLE001  whatever is wrong with a model, the page must answer
            entry.failure = _reason(entry, error)
            log.warning("%s", entry.failure)
        finally:
            entry.done.set()


def choose_device() -> str:
    """CUDA where there is one that this process may hold; on ZeroGPU it may not, and its CPUs write."""
    return "cuda" if torch.cuda.is_available() and not os.environ.get("SPACES_ZERO_GPU") else "cpu"


def split_spec(spec: str) -> tuple[str, str | None]:
    """``user/name@revision`` in two; the path of a folder is never cut.

    Raises:
        ModelUnavailableError: nothing follows the @.
    """
    if spec == BUNDLED:
        return str(PRETRAINED), None
    try:
        return split_revision(spec)
    except ValueError as error:
        raise ModelUnavailableError(str(error)) from None


def _serve(name: str, lm: CharLSTM, arithmetic: Arithmetic | None, owner: Owner) -> Served:
    """Starts the model's engine and lets it write its greeting."""
    engine = Engine(lm, arithmetic=arithmetic, max_rows_each=owner.rows_each, blocked=owner.blocked)
    thread = threading.Thread(target=engine.run, name=f"engine {name}", daemon=True)
    thread.start()
    examples = _examples(lm, owner.blocked, bundled=name == BUNDLED)
    return Served(name, lm, engine, thread, examples, _greeting(engine))


def _names(specs: Names[str]) -> list[str]:
    """What people see: a Hub id as it was given; of a folder its last part alone, told apart by a number."""
    names: list[str] = []
    for spec in specs:
        plain = Path(spec).expanduser().resolve().name if is_local(spec) else spec.removeprefix("hf://")
        name, number = plain, 2
        while name in names or (name == BUNDLED != spec):
            name, number = f"{plain} ({number})", number + 1
        names.append(name)
    return names


def _reason(entry: Entry, error: Exception) -> str:
    """One line for visitors, without this machine's paths."""
    if isinstance(error, ModelUnavailableError):
        return str(error)
    if isinstance(error, CheckpointError):
        return f"{entry.name} cannot be served: {str(error).replace(entry.spec, entry.name)}"
    log.error("loading %s", entry.name, exc_info=error)
    return f"{entry.name} cannot be served: {type(error).__name__} while loading it"


def _examples(lm: CharLSTM, blocked: BlockedWords, *, bundled: bool) -> tuple[str, ...]:
    """Beginnings that the model can read in full: its trainer's, else the bundled model's own, else none."""
    noted = lm.training.get("examples")
    offered = list(_BUNDLED_EXAMPLES) if bundled else []
    offered += noted if isinstance(noted, list) else []
    fitting = [
        text
        for text in dict.fromkeys(each for each in offered if isinstance(each, str))
        if 0 < len(text) <= _MAX_EXAMPLE and lm.tokenizer.known(text).all() and not blocked.inside(text)
    ]
    return tuple(fitting[:MAX_EXAMPLES]) or ("",)


def _greeting(engine: Engine) -> str:
    """What the model writes of itself, ended at a word or a line; if it came to a word that is blocked, another."""
    finished = threading.Event()
    text = ""
    for seed in range(GREETING_SEED, GREETING_SEED + _GREETINGS):
        params = SamplingParams(length=GREETING_LENGTH, seed=seed)
        sequence = engine.add_request("", params, deadline_s=_GREETING_S)
        while not sequence.finished:
            finished.wait(0.005)
        text = max(text, sequence.text.strip("\n"), key=len)
        if sequence.finish_reason != "blocked":
            break
    cut = max(text.rfind("\n"), text.rfind(" ") if "\n" not in text[len(text) // 2 :] else -1)
    return text[:cut] if cut > len(text) // 2 else text


def _short_number(number: int) -> str:
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return str(number)
