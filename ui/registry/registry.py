"""The models that are served: each at one commit, with an engine in a thread, until a newer commit replaces it.

Models load in the background, so the page answers even if the Hub is slow or cannot be reached. A model that cannot be
loaded is reported on the page. If no model is loaded after ``FALLBACK_S``, the bundled one is served.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence as Names
from contextlib import suppress
from dataclasses import dataclass, field

from model import PRETRAINED, Blend, CharLSTM, CheckpointError, ModelUnavailableError
from model.char_lstm import checkpoint_folder
from model.checkpoint.names import BUNDLED, bundled_name
from model.checkpoint.read import read_checkpoint
from model.hub.snapshot import is_commit
from model.settings import Precision, shorten
from model.terminal import one_line

from ..messages import Message, RefusalError
from ..site_config import SiteConfig
from .loaded_model import LoadedModel, Preview, preview_of, start_engine, start_model
from .specs import choose_device, is_on_hub, names_of, split_spec

log = logging.getLogger("char-lstm")

LOADING = {"refusal.loading", "refusal.named_loading"}
WAIT_S = 30.0  # how long a request waits for a model that still loads
_POLL_S = 0.05
FALLBACK_S = 25.0  # after which the bundled model is served while the download continues
MAX_BLEND_BYTES = 256 << 20
_LONGEST_PROBLEM = 300  # characters of an error
_GRACE_S = 1.0  # before a replaced model drains: callers that have just got it may still submit a request


@dataclass(eq=False)
class Entry:
    """A configured model: loading, loaded, or failed.

    Attributes:
        spec: a path, or a name on the Hub.
        name: its name on the page and in the API.
        loaded: the model that is served; None while it loads, and if it failed.
        failure: why it could not be loaded; None if it did not fail.
        update_problem: why its newest commit is not known; None if it is, or if no commit is loaded.
        preview: the model without its weights, if it is loaded on first use; otherwise None.
        done: set once the model is loaded or has failed, or its preview is read.
    """

    spec: str
    name: str
    loaded: LoadedModel | None = None
    failure: Message | None = None
    update_problem: Message | None = None
    preview: Preview | None = None
    done: threading.Event = field(default_factory=threading.Event)


class ModelRegistry:
    """The models by name; the first one is the default.

    Args:
        specs: paths, names on the Hub with an optional ``@REVISION``, or "bundled"; none is the bundled model.
        on_demand: paths of models that are loaded on first use.
        device: where the models run; None chooses.
        precision: "int8" or "float32"; None is what fits each model.
        site: the limits and the blocked words of this site.

    Attributes:
        entries: all configured models, without blends: loading, loaded and failed.
        auto_updated: the entries whose branch on the Hub may get a newer commit, see ``auto_update``.
        on_hub: the entries of models on the Hub, those of ``auto_updated`` among them.
        is_followed: whether the Hub is asked for newer commits, and for models that could not be loaded.
        draining: replaced models, and blends, that finish their replies.
        settled: set once every model is loaded or has failed.
        stopped: set by `stop`.
        on_unload: functions that are called with each replaced model after its weights were freed.
    """

    def __init__(
        self,
        specs: Names[str] = (),
        *,
        on_demand: Names[str] = (),
        device: str | None = None,
        precision: Precision | None = None,
        site: SiteConfig | None = None,
    ) -> None:
        self.device = device or choose_device()
        self.precision = precision
        self.site = site or SiteConfig()
        every = [*specs, *on_demand]
        self.entries = [Entry(spec, name) for spec, name in zip(every, names_of(every), strict=True)]
        self._on_demand = self.entries[len(specs) :]
        self.on_hub = [entry for entry in self.entries if is_on_hub(entry.spec)]
        self.auto_updated = [entry for entry in self.on_hub if not is_commit(split_spec(entry.spec)[1])]
        self.is_followed = True
        self.draining: list[LoadedModel] = []
        self.on_unload: list[Callable[[LoadedModel], None]] = []
        self._blends: OrderedDict[tuple[str, str], LoadedModel] = OrderedDict()  # the one with the newest use is last
        self._blending, self._putting = threading.Lock(), threading.Lock()
        self.settled, self.stopped = threading.Event(), threading.Event()
        self._fell_back = False
        self._changes, self._since = 0, uuid.uuid4().hex[:8]

    def start(self, *, after: threading.Event | None = None) -> None:
        """Starts to load, each model in a thread of its own, so that one that hangs delays no other.

        Args:
            after: an event that engines wait for before they start, because starting the first one slows imports down.
        """
        for entry in [entry for entry in self.entries if not entry.done.is_set()]:
            threading.Thread(target=self._load, args=(entry, after), daemon=True).start()
        threading.Thread(target=self._settle, daemon=True).start()

    def stop(self) -> None:
        """Stops every engine, which ends all replies, and looks for no newer commits."""
        self.stopped.set()
        for loaded in self.all_loaded:
            loaded.engine.stop()

    def replace(self, entry: Entry, lm: CharLSTM) -> LoadedModel:
        """Serves a model under an entry's name. The model that it replaces finishes its replies and is unloaded."""
        loaded = start_model(entry.name, lm, self.precision, self.site)
        with self._putting:
            older, entry.loaded, entry.failure, entry.update_problem = entry.loaded, loaded, None, None
        self._succeed(loaded, older)
        for names in [names for names in list(self._blends) if loaded.name in names]:  # a request may add one
            with suppress(RefusalError):
                self.blend(*map(self.get, names))
        self.bump_version()
        log.info("%s", one_line(f"serving {loaded.name}: {' · '.join(map(str, loaded.about))}"))
        return loaded

    def blend(self, first: LoadedModel, second: LoadedModel) -> LoadedModel:
        """Returns the blend of two models, with an engine of its own, which the first call starts; this takes a while.

        The blends that were not used for the longest time are unloaded while all together are too large.

        Raises:
            RefusalError: the two models have no character in common.
        """
        with self._blending:
            names = first.name, second.name
            (one,), (two,) = first.lm.models, second.lm.models
            older = self._blends.get(names)
            if older and older.lm.models == (one, two):
                self._blends.move_to_end(names)
                return older
            try:
                lm = Blend(one, two)
            except ValueError:
                raise RefusalError("refusal.no_common_character", first=first.name, second=second.name) from None
            loaded = start_engine(" + ".join(names), lm, self.precision, self.site, (first, second))
            self._blends[names] = loaded
            self._blends.move_to_end(names)
            self._succeed(loaded, older)
            while len(self._blends) > 1 and sum(map(_blend_bytes, self._blends.values())) > MAX_BLEND_BYTES:
                self._drain(self._blends.popitem(last=False)[1])
            return loaded

    def bump_version(self) -> None:
        """Increments the version that open pages poll for model updates."""
        self._changes += 1

    @property
    def version(self) -> str:
        """A text that changes whenever a model is updated or fails to update, and when the app restarts."""
        return f"{self._since}.{self._changes}"

    @property
    def may_change(self) -> bool:
        """Whether a newer commit may appear, or a model that could not be loaded will be tried again."""
        return self.is_followed and (bool(self.auto_updated) or not all(entry.loaded for entry in self.on_hub))

    @property
    def all_loaded(self) -> list[LoadedModel]:
        """All models whose weights are in memory: the current ones, blends, and those that finish their replies."""
        return [*self.loaded_models, *list(self._blends.values()), *self.draining]

    @property
    def loaded_models(self) -> list[LoadedModel]:
        """The current models, without blends."""
        return [entry.loaded for entry in self.entries if entry.loaded]

    @property
    def failed_engines(self) -> str:
        """The names of the models whose engine has ended, as after a fault of the device; "" if all engines run."""
        return ", ".join(loaded.name for loaded in self.loaded_models if not loaded.thread.is_alive())

    @property
    def names(self) -> list[str]:
        """The names that can be chosen, including models that still load."""
        return [entry.name for entry in self.entries if not entry.failure] or [BUNDLED]

    @property
    def loading(self) -> list[str]:
        """The names of the models that still load."""
        return [entry.name for entry in self.entries if not entry.done.is_set()]

    @property
    def notices(self) -> list[Message]:
        """Messages for visitors about models that failed to load, or may not be the newest."""
        notices = [entry.failure for entry in self.entries if entry.failure]
        if self._fell_back and len(self.entries) > 1 == len(self.loaded_models):  # the bundled model alone is loaded
            notices.append(Message("model.bundled_instead"))
        notices += [Message("raw", text=loaded.lm.notice) for loaded in self.loaded_models if loaded.lm.notice]
        return notices + [entry.update_problem for entry in self.entries if entry.loaded and entry.update_problem]

    def first(self) -> LoadedModel | None:
        """Returns the default model: the first one that did not fail. None while that model loads."""
        usable = [entry for entry in self.entries if not entry.failure and (entry.loaded or not self.settled.is_set())]
        return usable[0].loaded if usable else None

    def get(self, name: object) -> LoadedModel:
        """Returns a model by name; None is the default model.

        Raises:
            RefusalError: no model has this name, it failed to load, or it still loads.
        """
        if name is None:
            loaded = self.first()
            if loaded is None:
                raise RefusalError("refusal.loading")
            return loaded
        found = [entry for entry in self.entries if entry.name == name]
        if name == BUNDLED:  # what the default model was called before there were several
            found += [entry for entry in self.entries if bundled_name(entry.spec)]
        if not found:
            raise self.unknown(name)
        entry = found[0]
        if entry.failure:
            raise RefusalError(entry.failure, status=404)
        if entry.loaded is None:
            self._load_on_demand(entry)
            raise RefusalError("refusal.named_loading", field="model", name=entry.name)
        return entry.loaded

    async def find(self, name: object) -> LoadedModel:
        """Returns the same as `get`; waits up to ``WAIT_S`` seconds while the model loads."""
        end = time.monotonic() + WAIT_S
        while True:
            try:
                return self.get(name)
            except RefusalError as refusal:
                if refusal.id not in LOADING or time.monotonic() >= end:
                    raise
            await asyncio.sleep(_POLL_S)

    def unknown(self, name: object) -> RefusalError:
        """Returns the refusal of a name that no model has."""
        allowed = Message("rule.served", names=self.names)
        return RefusalError("refusal.value", field="model", status=404, value=shorten(name), allowed=allowed)

    def _succeed(self, loaded: LoadedModel, older: LoadedModel | None) -> None:
        if older:
            older.newer = loaded
            self._drain(older)
        if self.stopped.is_set():
            loaded.engine.stop()

    def _drain(self, older: LoadedModel) -> None:
        """Unloads a model after its last reply."""
        self.draining.append(older)
        threading.Thread(target=self._unload, args=(older,), daemon=True).start()

    def _unload(self, older: LoadedModel) -> None:
        time.sleep(_GRACE_S)
        older.engine.drain()
        older.thread.join()
        older.engine.release()
        older.lm = older.lm.without_weights()
        self.draining.remove(older)
        for call in self.on_unload:
            call(older)
        log.info("%s is unloaded, its last reply is written", one_line(f"{older.name} {older.commit[:7]}".strip()))

    def _settle(self) -> None:
        """Waits until every model is loaded or has failed, at most ``FALLBACK_S`` for the Hub; loads a fallback."""
        end = time.monotonic() + FALLBACK_S
        for entry in self.entries:
            # A folder needs no network, so on a busy machine no fallback would be loaded sooner.
            entry.done.wait(max(0.0, end - time.monotonic()) if entry in self.on_hub else None)
        if not self.loaded_models:
            fallback, self._fell_back = Entry(str(PRETRAINED), BUNDLED), True
            self._load(fallback, None)
            self.entries.append(fallback)
        self.settled.set()
        self.bump_version()

    def _load(self, entry: Entry, after: threading.Event | None) -> None:
        """Loads a model, or reads the preview of one that is loaded on first use."""
        try:
            if entry in self._on_demand:
                checkpoint = read_checkpoint(checkpoint_folder(entry.spec), weights=False)
                lm = CharLSTM.from_checkpoint(checkpoint, name=entry.name)
                entry.preview = preview_of(lm, self.precision, self.device, self.site)
                return
            id_or_path, revision = split_spec(entry.spec)
            lm = CharLSTM.from_pretrained(id_or_path, revision=revision, device=self.device)
            if after:
                after.wait()
            self.replace(entry, lm)
        except Exception as error:  # noqa: BLE001  no fault of a model may keep the page from answering
            entry.failure = load_problem(entry.name, error, spec=entry.spec)
            log.warning("%s", entry.failure)
            self.bump_version()
        finally:
            entry.done.set()

    def _load_on_demand(self, entry: Entry) -> None:
        """Starts to load a model that has only a preview, unless another call has started that."""
        with self._putting:
            starts = entry in self._on_demand and entry.preview is not None
            if starts:
                self._on_demand.remove(entry)
        if starts:
            threading.Thread(target=self._load, args=(entry, None), daemon=True).start()


def _blend_bytes(blend: LoadedModel) -> int:
    """Returns about how much memory the engine of a blend takes: its weights in both precisions."""
    return sum(5 * model.config.parameters for model in blend.lm.models)


def load_problem(name: str, error: Exception, *, spec: str = "") -> Message:
    """Returns why a model failed to load, for visitors. ``spec``, its path on this machine, is replaced by its name."""
    if not isinstance(error, ModelUnavailableError):
        return Message("model.failed", name=name, reason=commit_problem(error, spec, name))
    return Message("raw", text=plain(error))


def commit_problem(error: Exception, hidden: str = "", shown: str = "") -> str | Message:
    """Returns why a commit cannot be loaded, for visitors; a text in it may be replaced by another one."""
    if isinstance(error, CheckpointError):
        return plain(error, hidden, shown)
    log.error("loading a model", exc_info=error)
    return Message("model.load_error", error=type(error).__name__)


def plain(error: Exception, hidden: str = "", shown: str = "") -> str:
    """Returns an error as one printable line, because it may quote a file of anyone."""
    text = str(error)
    return one_line(text.replace(hidden, shown) if hidden else text, _LONGEST_PROBLEM)
