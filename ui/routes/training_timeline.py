"""What a model wrote at each step of its training: a route of the app's own, for the film that a page can show of it.

Nothing is made before somebody asks for it. A text is the work of one checkpoint, which is brought from the Hub if it
is not here yet, loaded as strictly as any model, lets an engine write some lines, and is let go: one at a time,
however many ask. What is kept are texts. Who asks for one that another has asked for gets the same; who comes when
too many wait is told so.

    {"model": NAME}                     whether there is a film: {"film": true}
    {"model": NAME, "film": true}       what it shows: {"frames": [[100, 2.31], …], "best": 7, "curve": [[50, 2.9], …],
                                        "prompt": "ROMEO:", "seed": 7}; steps and losses in nats, null if not measured
    {"model": NAME, "step": 100, "prompt": "ROMEO:", "seed": 7}   a frame of it: {"text": "…"}

Anything that cannot be done is {"refusal": "…"}, with "busy" where it is worth another try at once.
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
from fastapi.routing import APIRoute

from model import CheckpointError, Engine, ModelUnavailableError, SamplingParams
from model.char_lstm import is_local

from ..conversation.progress import check_words
from ..json_body import question
from ..messages import Message, RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..registry.training_history import History, Moment, read_history
from ..settings import check_params, check_text

log = logging.getLogger("char-lstm")

PATH = "/film"
LENGTH = 300  # characters a frame
MAX_PROMPT = 200
MAX_TEXTS = 1_000  # kept
MAX_WAITING = 24  # frames that are asked for and not made yet
FRESH_S = 60.0  # that a film is not looked for again, while somebody watches it,
OFFERED_S = 600.0  # or only passes by
PATIENCE_S = 20.0
_SEED = 7
_MAX_BYTES = 8 << 10  # of a question
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

Result = TypeVar("Result")


class _BusyError(RefusalError):
    """Too many frames are asked for at once."""


Key = tuple[str, str, str, int]  # source, moment, prompt, seed


@dataclass(eq=False)
class _Film:
    """The history of a model, as it was found last, and the search that is under way."""

    history: History | None = None
    found_at: float = -float("inf")  # time.monotonic()
    search: asyncio.Task[None] | None = None


class TrainingTimelines:
    """Answers all pages.

    Args:
        shelf: the models that are served.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self._films: dict[str, _Film] = {}
        self._texts: OrderedDict[Key, str | CheckpointError] = OrderedDict()
        self._making: dict[Key, asyncio.Task[str]] = {}
        self._fetching, self._writing = asyncio.Semaphore(1), asyncio.Semaphore(1)

    @property
    def route(self) -> APIRoute:
        return APIRoute(PATH, self.respond, methods=["POST"], response_model=None, include_in_schema=False)

    async def respond(self, request: Request) -> JSONResponse:
        try:
            asked = await question(request, _MAX_BYTES, RefusalError("refusal.too_long", field="prompt"))
            answer = await asyncio.wait_for(self._answer(asked), PATIENCE_S)
        except RefusalError as refusal:
            busy = {"busy": True} if isinstance(refusal, _BusyError) else {}
            answer = {"refusal": refusal.message.as_json(), **busy}
        except (TimeoutError, asyncio.TimeoutError):  # two kinds until Python 3.11
            answer = {"refusal": Message("timeline.slow").as_json()}
        except Exception:
            log.exception("a film could not be shown")
            answer = {"refusal": Message("fault.later").as_json()}
        return JSONResponse(answer, headers=_HEADERS)

    async def _answer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        served = self._registry.get(asked.get("model"))
        watched = "film" in asked or "step" in asked
        history = await self._history(served, FRESH_S if watched else OFFERED_S)
        if not watched:
            return {"film": bool(history)}
        if history is None:
            raise RefusalError("timeline.none")
        if "step" not in asked:
            return _told(history, served)
        moment = next((each for each in history.moments if each.step == asked["step"]), None)
        if moment is None:
            raise RefusalError("timeline.step_gone")
        prompt = check_text("prompt", asked.get("prompt"), most=MAX_PROMPT)
        check_words(served, prompt)
        seed = check_params({"seed": asked.get("seed") or 0}).seed
        return {"text": await self._text(history, moment, prompt, seed)}

    async def _history(self, served: LoadedModel, fresh_s: float) -> History | None:
        """The film of a model; what was found last while the Hub is away, None if there is none."""
        source = self._registry.source(served)
        if source is None:
            return None
        film = self._films.setdefault(source, _Film())
        if film.search is None and time.monotonic() - film.found_at > fresh_s:
            film.search = asyncio.create_task(self._search(source, film))
        if film.search is not None and (film.history is None or fresh_s < OFFERED_S):
            await asyncio.shield(film.search)
        return film.history

    async def _search(self, source: str, film: _Film) -> None:
        try:
            found = await _aside(lambda: read_history(source))
            if found != film.history:
                self._forget(source)
            film.history = found if found and len(found.moments) > 1 else None
        except (CheckpointError, ModelUnavailableError) as error:
            log.warning("no film of %s: %s", source, error)
        except Exception:
            log.exception("a film could not be looked for")
        finally:
            film.found_at, film.search = time.monotonic(), None

    def _forget(self, source: str) -> None:
        """Forgets the texts of a run folder, where another checkpoint may have come to have the same name."""
        for key in [key for key in self._texts if key[0] == source and is_local(source)]:
            del self._texts[key]

    async def _text(self, history: History, moment: Moment, prompt: str, seed: int) -> str:
        key = (history.source, moment.at, prompt, seed)
        kept = self._texts.get(key)
        if isinstance(kept, str):
            self._texts.move_to_end(key)
            return kept
        if isinstance(kept, CheckpointError):
            raise _damaged(moment, kept)
        task = self._making.get(key)
        if task is None:
            if len(self._making) >= MAX_WAITING:
                raise _BusyError("timeline.busy")
            task = asyncio.create_task(self._make(history, moment, prompt, seed))
            self._making[key] = task
            task.add_done_callback(lambda done: self._keep(key, done))
        try:
            return await asyncio.shield(task)  # who goes away does not keep it from the others
        except CheckpointError as error:
            raise _damaged(moment, error) from None
        except ModelUnavailableError as error:
            log.warning("step %s of %s cannot be shown: %s", moment.step, history.source, error)
            raise RefusalError("timeline.unreachable", step=moment.step) from None

    async def _make(self, history: History, moment: Moment, prompt: str, seed: int) -> str:
        if not await _aside(lambda: history.is_here(moment)):
            async with self._fetching:
                await _aside(lambda: history.bring(moment))
        async with self._writing:
            return await _aside(lambda: self._write(history, moment, prompt, seed))

    def _write(self, history: History, moment: Moment, prompt: str, seed: int) -> str:
        lm = history.load(moment)
        engine = Engine(lm, max_slots=1, precision=self._registry.precision, blocked=self._registry.site.blocked)
        params = SamplingParams(length=LENGTH, seed=seed, stop=lm.chat.stop if lm.chat else "")
        sequence = engine.add_request(lm.chat.wrap(prompt) if lm.chat else prompt, params)
        while not sequence.finished:
            engine.step()
        return sequence.text

    def _keep(self, key: Key, done: asyncio.Task[str]) -> None:
        del self._making[key]
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error and not isinstance(error, CheckpointError):
            return
        # A checkpoint that is damaged stays so: it is not fetched again for each who asks.
        self._texts[key] = error if isinstance(error, CheckpointError) else done.result()
        while len(self._texts) > MAX_TEXTS:
            self._texts.popitem(last=False)


def _told(history: History, served: LoadedModel) -> dict[str, Any]:
    best = history.best
    return {
        "frames": [[moment.step, moment.loss] for moment in history.moments],
        "best": history.moments.index(best) if best else None,
        "curve": _thinned(history.losses),
        "prompt": served.examples[0],
        "seed": _SEED,
    }


def _thinned(losses: tuple[tuple[int, float], ...], most: int = 300) -> list[tuple[int, float]]:
    """At most so many points of a curve."""
    apart = -(-len(losses) // most) or 1
    return [point for at, point in enumerate(losses) if at % apart == 0 or at == len(losses) - 1]


def _damaged(moment: Moment, error: CheckpointError) -> RefusalError:
    return RefusalError("timeline.damaged", step=moment.step, reason=str(error))


async def _aside(work: Callable[[], Result]) -> Result:
    """What some work gives that takes time, done in a thread that keeps no process alive, however long it hangs."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def tell(outcome: Callable[[asyncio.Future[Result]], None]) -> None:
        if not future.done():
            outcome(future)

    def run() -> None:
        try:
            result = work()
            told = partial(tell, lambda future: future.set_result(result))
        except Exception as failure:  # noqa: BLE001  whatever it is, it is for who waits
            error = failure
            told = partial(tell, lambda future: future.set_exception(error))
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(told)

    threading.Thread(target=run, name="film", daemon=True).start()
    return await future
