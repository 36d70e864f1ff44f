"""The models that are served: each at one commit, with one engine in one thread, until a newer one takes its place.

They load in the background, so that a Hub that is slow or away never keeps the page from answering. What cannot
be loaded is said; when nothing else is left, the bundled model writes. Knows nothing of pages.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import uuid
from collections.abc import Callable
from collections.abc import Sequence as Names
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch

from model import PRETRAINED, Blend, CharLSTM, CheckpointError, Engine, ModelUnavailableError
from model.backends.backend import Precision
from model.backends.device import is_available
from model.char_lstm import checkpoint_folder, is_local, split_revision
from model.settings import shorten

from ..messages import Message, RefusalError, raw
from ..site_config import SiteConfig
from .loaded_model import BUNDLED, LoadedModel, begin_serving, start_engine

log = logging.getLogger("char-lstm")

_GRACE_S = 1.0  # in which someone who has been given a model, just before another took its place, asks it for a reply


@dataclass(eq=False)
class Entry:
    """A model that was asked for, and what became of it: loading, served, or why not.

    Attributes:
        leaving: what it served before, and still writes what was asked of it.
    """

    spec: str
    name: str
    served: LoadedModel | None = None
    failure: Message | None = None
    leaving: list[LoadedModel] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)


class ModelRegistry:
    """The models by name, the first being the one that is chosen unless another is.

    Args:
        specs: paths, Hub ids with an optional ``@REVISION``, or "bundled"; none is the bundled model.
        device: where they write; chosen when None.
        precision: how they write, "int8" or "float32"; what fits each model when None.
        owner: what holds for all of them.

    Attributes:
        followed: those whose revision on the Hub may come to mean another commit, see ``renewal``.
        when_gone: called with each that is not served any more, once its weights are let go.
    """

    def __init__(
        self,
        specs: Names[str] = (),
        *,
        device: torch.device | str | None = None,
        precision: Precision | None = None,
        site: SiteConfig | None = None,
    ) -> None:
        self.device = device or choose_device()
        self.precision = precision
        self.site = site or SiteConfig()
        self._entries = [Entry(spec, name) for spec, name in zip(specs, _names(specs), strict=True)]
        self.followed = [entry for entry in self._entries if _may_move(entry.spec)]
        self._blends: dict[tuple[str, str], Entry] = {}
        self._blending = threading.Lock()
        self._settled = threading.Event()
        self._stopped = False
        self._changes, self._since = 0, uuid.uuid4().hex[:8]
        self.when_gone: list[Callable[[LoadedModel], None]] = []

    def add(self, name: str, lm: CharLSTM) -> LoadedModel:
        """Serves a model that is in memory already."""
        served = begin_serving(name, lm, self.precision, self.site)
        entry = Entry("", name, served)
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
        for engine in self.engines:
            engine.stop()

    def serve(self, entry: Entry, lm: CharLSTM) -> LoadedModel:
        """Serves a model under an entry's name. What was served so far writes what was asked of it, and goes."""
        served = begin_serving(entry.name, lm, self.precision, self.site)
        self._put(entry, served)
        for names in [names for names in self._blends if entry.name in names]:
            with suppress(RefusalError):
                self.blend(*map(self.get, names))
        self.changed()
        log.info("serving %s: %s", served.name, " · ".join(map(str, served.about)))
        return served

    def blend(self, first: LoadedModel, second: LoadedModel) -> LoadedModel:
        """Two models that write together, as one; with an engine of its own, from when it is first asked for.

        Raises:
            RefusalError: they cannot.
        """
        with self._blending:
            entry = self._blends.setdefault((first.name, second.name), Entry("", f"{first.name} + {second.name}"))
            (one,), (two,) = first.lm.models, second.lm.models
            if entry.served and entry.served.lm.models == (one, two):
                return entry.served
            try:
                lm = Blend(one, two)
            except ValueError:
                raise RefusalError("refusal.no_common_character", first=first.name, second=second.name) from None
            engine, thread = start_engine(entry.name, lm, self.precision, self.site)
            served = LoadedModel(entry.name, lm, engine, thread, parts=(first, second))
            self._put(entry, served)
            return served

    def _put(self, entry: Entry, served: LoadedModel) -> None:
        older, entry.served, entry.failure = entry.served, served, None
        if older:
            entry.leaving.append(older)
            older.newer = served
            threading.Thread(target=self._see_off, args=(entry, older), daemon=True).start()
        if self._stopped:
            served.engine.stop()

    def changed(self) -> None:
        """Something that visitors are told of the models is another now."""
        self._changes += 1

    def source(self, served: LoadedModel) -> str | None:
        """Where a model comes from: a repo of the Hub, or a path; None if it was in memory already."""
        entry = next((each for each in self._entries if each.name == served.name), None)
        return split_spec(entry.spec)[0] if entry and entry.spec else None

    @property
    def version(self) -> str:
        """Is another whenever something changed."""
        return f"{self._since}.{self._changes}"

    @property
    def engines(self) -> list[Engine]:
        """All that write, those that are leaving too."""
        entries = (*self._entries, *self._blends.values())
        return [served.engine for entry in entries for served in (entry.served, *entry.leaving) if served]

    @property
    def settled(self) -> bool:
        return self._settled.is_set()

    @property
    def served(self) -> list[LoadedModel]:
        return [entry.served for entry in self._entries if entry.served]

    @property
    def names(self) -> list[str]:
        """What can be chosen, those that still load included."""
        return [entry.name for entry in self._entries if not entry.failure] or [BUNDLED]

    @property
    def loading(self) -> list[str]:
        return [entry.name for entry in self._entries if not entry.done.is_set()]

    @property
    def notices(self) -> list[Message]:
        """What visitors should know: models that are not there, or are not the newest."""
        notices = [entry.failure for entry in self._entries if entry.failure]
        if notices and any(served.name == BUNDLED for served in self.served):
            notices.append(Message("model.bundled_instead"))
        return notices + [raw(served.lm.notice) for served in self.served if served.lm.notice]

    def first(self) -> LoadedModel | None:
        """The model that is chosen unless another is; None while it loads."""
        return next((entry.served for entry in self._entries if not entry.failure), None)

    def get(self, name: object) -> LoadedModel:
        """A model by name; None is the first.

        Raises:
            RefusalError: there is none of this name, or it is not served (yet).
        """
        if name is None:
            served = self.first()
            if served is None:
                raise RefusalError("refusal.loading")
            return served
        entry = next((entry for entry in self._entries if entry.name == name), None)
        if entry is None:
            allowed = Message("rule.served", names=self.names)
            raise RefusalError("refusal.value", field="model", value=shorten(name), allowed=allowed)
        if entry.failure:
            raise RefusalError.of(entry.failure)
        if entry.served is None:
            raise RefusalError("refusal.named_loading", field="model", name=entry.name)
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
            self.serve(entry, lm)
        except Exception as error:  # noqa: BLE001  whatever is wrong with a model, the page must answer
            entry.failure = _reason(entry, error)
            log.warning("%s", entry.failure)
        finally:
            entry.done.set()

    def _see_off(self, entry: Entry, older: LoadedModel) -> None:
        time.sleep(_GRACE_S)
        older.engine.drain()
        older.thread.join()
        older.gone = True
        older.engine.release()
        older.lm = older.lm.without_weights()
        entry.leaving.remove(older)
        for forget in self.when_gone:
            forget(older)
        log.info("%s: commit %s is gone, for all that was asked of it is written", older.name, older.commit[:7])


def choose_device() -> str:
    """ "cuda" where this process may hold a GPU, else "cpu", which also serves faster than MPS would: int8 kernels run
    on the CPU. On ZeroGPU a process may hold none."""
    return "cuda" if is_available("cuda") and not os.environ.get("SPACES_ZERO_GPU") else "cpu"


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


def check_models(specs: Names[str]) -> None:
    """Checks the models of a command line, where a misspelled one must end the program instead of starting another.

    Raises:
        ValueError: a folder does not exist, or a name is neither a folder nor a repo of the Hub.
    """
    for spec in specs:
        id_or_path, _ = split_revision(str(PRETRAINED) if spec == BUNDLED else spec)
        if is_local(id_or_path):
            checkpoint_folder(id_or_path)
        elif not re.fullmatch(r"[\w.-]+/[\w.-]+", id_or_path.removeprefix("hf://")):
            raise ValueError(f"--model is {shorten(spec)}: it must be a folder here, or USER/NAME on the Hub")


def _may_move(spec: str) -> bool:
    """Whether a model's name may come to mean another commit: on the Hub, and not pinned to one."""
    try:
        id_or_path, revision = split_spec(spec)
    except ModelUnavailableError:
        return False
    return not is_local(id_or_path) and not re.fullmatch("[0-9a-f]{40}", revision or "")


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


def _reason(entry: Entry, error: Exception) -> Message:
    """One line for visitors, without this machine's paths."""
    if isinstance(error, ModelUnavailableError):
        return raw(str(error))
    if isinstance(error, CheckpointError):
        return Message("model.failed", name=entry.name, reason=str(error).replace(entry.spec, entry.name))
    log.error("loading %s", entry.name, exc_info=error)
    return Message("model.failed", name=entry.name, reason=Message("model.load_error", error=type(error).__name__))
