"""A route for the training timeline: the text that a model generates with the checkpoint of each training step.

A text is generated when it is first requested: its checkpoint is downloaded if necessary, loaded with all checks,
generates one text and is unloaded; one checkpoint at a time. Texts are cached, weights are not. Requests for the same
text share one generation; if too many wait, a request is refused.

    {"model": NAME}                     whether the model has a timeline: {"timeline": true}
    {"model": NAME, "samples": true}    the stored samples of its training: {"samples": [[0, "Vq&x…"], …]}
    {"model": NAME, "timeline": true}   the timeline: {"frames": [[100, 2.31], …], "best": 7, "curve": [[50, 2.9], …],
                                        "prompt": "ROMEO:", "seed": 7}; steps and losses in nats, null if not measured
    {"model": NAME, "step": 100, "prompt": "ROMEO:", "seed": 7}   the text of one step: {"text": "…"}

A request that is refused gets {"refusal": MESSAGE}, with "busy" if it may be repeated at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from model import CheckpointError, Engine, ModelUnavailableError, SamplingParams
from model.char_lstm import is_local
from model.hub.cache import remove_cached

from ..access.clients import group_of
from ..access.connected import while_connected
from ..access.limits import Limiter
from ..conversation.progress import check_words
from ..json_body import read_json
from ..messages import Message, RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.lookup import find_model
from ..registry.registry import ModelRegistry
from ..registry.training_history import Checkpoint, History, read_history
from ..settings import check_params, check_text
from .requests import HEADERS, address_of, refusal_content, wait_of

log = logging.getLogger("char-lstm")

PATH = "/timeline"
LENGTH = 300  # characters per text
MAX_PROMPT = 200
MAX_TEXTS = 1_000  # that are cached
MAX_WAITING = 24  # requested texts that are not generated yet, of all addresses
MAX_WAITING_EACH = 8  # the same, of one address
FRESH_S = 60.0  # after which the history is read again while the timeline is open
OFFERED_S = 600.0  # after which it is read again while the page only shows whether there is a timeline
PATIENCE_S = 20.0  # after which a request is answered with "the Hub is slow"
_SEED = 7

Result = TypeVar("Result")


class _BusyError(RefusalError):
    """Too many texts are requested at once."""


Key = tuple[str, str, str, int]  # source, checkpoint, prompt, seed


@dataclass(eq=False)
class _Timeline:
    """The history of a model as it was last read, and the task that reads it again."""

    history: History | None = None
    found_at: float = -float("inf")  # time.monotonic()
    search: asyncio.Task[None] | None = None


@dataclass(eq=False)
class _Making:
    """A text that is being generated.

    Attributes:
        client: the client that requested it first, from `group_of`.
        task: generates the text.
        readers: the number of requests that wait for it.
        started: whether its checkpoint is being downloaded or read.
    """

    client: str
    task: asyncio.Task[str]
    readers: int = 0
    started: bool = False


class TrainingTimelines:
    """Answers the requests of all pages.

    Args:
        registry: the models that are served.
        limiter: counts what each address uses.
    """

    def __init__(self, registry: ModelRegistry, limiter: Limiter) -> None:
        self._registry = registry
        self._limiter = limiter
        self._timelines: dict[str, _Timeline] = {}
        self._texts: OrderedDict[Key, str | CheckpointError] = OrderedDict()
        self._making: dict[Key, _Making] = {}
        self._downloaded: dict[str, set[str]] = {}  # by source: commits that were not in the cache before
        self._fetching, self._writing = asyncio.Semaphore(1), asyncio.Semaphore(1)
        self.route = Route(PATH, self.respond, methods=["POST"])

    async def respond(self, request: Request) -> JSONResponse:
        """Answers one request."""
        status, headers = 200, HEADERS
        try:
            self._limiter.count_question(address_of(request))
            query = await read_json(request)
            work = asyncio.wait_for(self._answer(query, address_of(request)), PATIENCE_S)
            answer = await while_connected(request, work)
        except ClientDisconnect:
            answer = {}
        except RefusalError as refusal:
            busy = {"busy": True} if isinstance(refusal, _BusyError) else {}
            answer = {**refusal_content(refusal), **busy}
            if wait := wait_of(refusal):
                status, headers = wait.status, {**HEADERS, **wait.headers}
        except (TimeoutError, asyncio.TimeoutError):  # two kinds until Python 3.11
            answer = {"refusal": Message("timeline.slow").as_json()}
        except Exception:
            log.exception("a timeline could not be shown")
            answer = {"refusal": Message("fault.later").as_json()}
        return JSONResponse(answer, status, headers)

    async def _answer(self, query: Mapping[str, Any], address: str) -> dict[str, Any]:
        served = await find_model(self._registry, query.get("model"))
        if "samples" in query:
            return {"samples": await asyncio.to_thread(self._samples, served)}  # a million characters may be searched
        watched = "timeline" in query or "step" in query
        history = await self._history(served, FRESH_S if watched else OFFERED_S)
        if not watched:
            return {"timeline": bool(history)}
        if history is None:
            raise RefusalError("timeline.none")
        if "step" not in query:
            return _describe(history, served)
        checkpoint = next((each for each in history.checkpoints if each.step == query["step"]), None)
        if checkpoint is None:
            raise RefusalError("timeline.step_gone")
        prompt = check_text("prompt", query.get("prompt"), most=MAX_PROMPT)
        for _ in check_words(served, prompt):
            pass
        seed = check_params({"seed": query.get("seed") or 0}).seed
        return {"text": await self._text(history, checkpoint, prompt, seed, address)}

    def _samples(self, served: LoadedModel) -> list[tuple[int, str]]:
        """Returns the stored samples of a model's training, without those that have a blocked word."""
        samples = [(each["step"], each["prompt"] + each["text"]) for each in served.lm.models[0].samples]
        return [(step, text) for step, text in samples if not self._registry.site.blocked.inside(text)]

    async def _history(self, served: LoadedModel, fresh_s: float) -> History | None:
        """Returns the history of a model, None without one; the last known one while the Hub cannot be reached."""
        source = self._registry.source(served)
        if source is None:
            return None
        timeline = self._timelines.setdefault(source, _Timeline())
        if timeline.search is None and time.monotonic() - timeline.found_at > fresh_s:
            timeline.search = asyncio.create_task(self._search(source, timeline))
        if timeline.search is not None and (timeline.history is None or fresh_s < OFFERED_S):
            await asyncio.shield(timeline.search)
        return timeline.history

    async def _search(self, source: str, timeline: _Timeline) -> None:
        try:
            found = await _in_thread(lambda: read_history(source))
            if found != timeline.history:
                self._remove_texts(source)
                await _in_thread(lambda: self._clean_up(source, found))
            timeline.history = found if found and len(found.checkpoints) > 1 else None
        except (CheckpointError, ModelUnavailableError) as error:
            log.warning("no timeline of %s: %s", source, error)
        except Exception:
            log.exception("a training history could not be read")
        finally:
            timeline.found_at, timeline.search = time.monotonic(), None

    def _remove_texts(self, source: str) -> None:
        """Removes the cached texts of a run folder, in which another checkpoint may have the same name now."""
        for key in [key for key in self._texts if key[0] == source and is_local(source)]:
            del self._texts[key]

    def _clean_up(self, source: str, history: History | None) -> None:
        """Removes the checkpoints from the Hub's cache that were downloaded here and are no longer shown.

        A timeline shows a limited number of checkpoints, which change while a run continues.
        """
        shown = {checkpoint.at for checkpoint in history.checkpoints} if history else set()
        downloaded = self._downloaded.get(source, set())
        for commit in downloaded - shown:
            remove_cached(source.removeprefix("hf://"), commit)
            downloaded.discard(commit)

    async def _text(self, history: History, checkpoint: Checkpoint, prompt: str, seed: int, address: str) -> str:
        key = (history.source, checkpoint.at, prompt, seed)
        kept = self._texts.get(key)
        if isinstance(kept, str):
            self._texts.move_to_end(key)
            return kept
        if isinstance(kept, CheckpointError):
            raise _damaged_error(checkpoint, kept)
        making = self._making.get(key) or self._start(key, history, checkpoint, address)
        making.readers += 1
        try:
            return await asyncio.shield(making.task)  # a client that disconnects must not cancel it for the others
        except CheckpointError as error:
            raise _damaged_error(checkpoint, error) from None
        except ModelUnavailableError as error:
            log.warning("step %s of %s cannot be shown: %s", checkpoint.step, history.source, error)
            raise RefusalError("timeline.unreachable", step=checkpoint.step) from None
        finally:
            making.readers -= 1
            if not making.readers and not making.started:
                making.task.cancel()

    def _start(self, key: Key, history: History, checkpoint: Checkpoint, address: str) -> _Making:
        """Starts to generate a text.

        Raises:
            RefusalError: too many texts are requested.
        """
        client = group_of(address)
        of_client = sum(making.client == client for making in self._making.values())
        if len(self._making) >= MAX_WAITING or of_client >= MAX_WAITING_EACH:
            raise _BusyError("timeline.busy")
        task = asyncio.create_task(self._make(key, history, checkpoint, address))
        self._making[key] = _Making(client, task)
        task.add_done_callback(lambda done: self._keep(key, done))
        return self._making[key]

    async def _make(self, key: Key, history: History, checkpoint: Checkpoint, address: str) -> str:
        if not await _in_thread(lambda: history.is_downloaded(checkpoint)):
            async with self._fetching:
                self._making[key].started = True
                await _in_thread(lambda: history.download(checkpoint))
            self._downloaded.setdefault(history.source, set()).add(checkpoint.at)
        async with self._writing:
            self._making[key].started = True
            text, seconds = await _in_thread(lambda: self._write(key, history, checkpoint))
        self._limiter.spend_cpu(address, seconds)
        return text

    def _write(self, key: Key, history: History, checkpoint: Checkpoint) -> tuple[str, float]:
        """Returns the text of a checkpoint, and the processor time in seconds."""
        began, (_, _, prompt, seed) = time.thread_time(), key
        lm = history.load(checkpoint)
        engine = Engine(lm, max_slots=1, precision=self._registry.precision, blocked=self._registry.site.blocked)
        params = SamplingParams(length=LENGTH, seed=seed, stop=lm.chat.stop if lm.chat else "")
        sequence = engine.add_request(lm.chat.wrap(prompt) if lm.chat else prompt, params)
        while not sequence.finished:
            engine.step(burst=True)
        return sequence.text, time.thread_time() - began

    def _keep(self, key: Key, done: asyncio.Task[str]) -> None:
        del self._making[key]
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error and not isinstance(error, CheckpointError):
            return
        # A damaged checkpoint stays damaged: it is not downloaded again for each request.
        self._texts[key] = error if isinstance(error, CheckpointError) else done.result()
        while len(self._texts) > MAX_TEXTS:
            self._texts.popitem(last=False)


def _describe(history: History, served: LoadedModel) -> dict[str, Any]:
    best = history.best
    return {
        "frames": [[checkpoint.step, checkpoint.loss] for checkpoint in history.checkpoints],
        "best": history.checkpoints.index(best) if best else None,
        "curve": _thinned(history.losses),
        "prompt": served.examples[0],
        "seed": _SEED,
    }


def _thinned(losses: tuple[tuple[int, float], ...]) -> list[tuple[int, float]]:
    """Returns at most 300 points of a curve, evenly spaced, and its last one."""
    apart = -(-len(losses) // 300) or 1
    return [point for at, point in enumerate(losses) if at % apart == 0 or at == len(losses) - 1]


def _damaged_error(checkpoint: Checkpoint, error: CheckpointError) -> RefusalError:
    return RefusalError("timeline.damaged", step=checkpoint.step, reason=str(error))


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Returns the result of slow work in a daemon thread: if the work hangs, the process can still end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(outcome: Callable[[asyncio.Future[Result]], None]) -> None:
        if not future.done():
            outcome(future)

    def run() -> None:
        try:
            result = work()
            report = partial(settle, lambda future: future.set_result(result))
        except Exception as failure:  # noqa: BLE001  raised again in the coroutine that waits
            error = failure
            report = partial(settle, lambda future: future.set_exception(error))
        with contextlib.suppress(RuntimeError):  # the event loop was closed
            loop.call_soon_threadsafe(report)

    threading.Thread(target=run, name="timeline", daemon=True).start()
    return await future
