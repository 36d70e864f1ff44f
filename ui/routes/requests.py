"""The requests of a page: the model, the text of the conversation, which the page keeps, and the clamped cells.

    model, second    {"name": …, "commit": …}; "" is the commit of a model in a folder; second is null without a blend
    text             prompts and replies since the state was zero
    start            whether the model read its start character before the text
    clamps           [[position, [[layer, cell, value], …]], …]: the cells that are clamped from the step on that reads
                     a position; -1 is the start character

Positions and lengths are in code points.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from model import SamplingParams
from model.clamps import Clamps, Stretches
from model.settings import SETTINGS

from ..access.answers import answer_to
from ..access.limits import REQUESTS_AT_ONCE, Limiter
from ..access.workers import Workers
from ..conversation import ReadText
from ..messages import Message, RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..settings import MAX_TEXT, Fields, check_clamps, check_params, check_speed, check_whole, parse_json, refused

MAX_PREPARED = 4_096  # requests that wait to be read: the requests of one address at once are limited before
MAX_STRETCHES = 2_000  # of a text, with different clamps
MAX_BOUNDARIES = 16
MAX_DRAW = (1 << 40) - 1  # of a seed: more than any conversation has
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class WriteRequest:
    """A checked request for a reply, with the fields that `write` describes."""

    id: str = field(default_factory=lambda: secrets.token_hex(16))
    client: str
    served: LoadedModel
    params: SamplingParams
    received: str = ""
    draw_offset: int = 0
    cells: Clamps = ()
    chars_per_second: float | None = None
    boundaries: tuple[int, ...] = ()


class Services:
    """What the routes share.

    Args:
        registry: the models that are served.

    Attributes:
        limiter: counts what each address uses.
        preparing: the threads that read requests.
        workers: the threads for all other work but that of the lenses and of previews.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self.registry = registry
        self.limiter = Limiter(registry.site.limits)
        waiting = {"max_waiting": MAX_PREPARED, "max_waiting_each": REQUESTS_AT_ONCE}
        self.preparing = Workers(self.limiter, at_once=2, **waiting)
        self.workers = Workers(self.limiter, at_once=2)

    async def fields(self, request: Request) -> Fields:
        """Returns the JSON object in the body of a request, which is parsed in a thread.

        Raises:
            RefusalError: the body is not a JSON object.
        """
        return await self.preparing.run(address_of(request), parse_json, await request.body())

    async def model(self, fields: Fields, address: str) -> LoadedModel:
        """Returns the model, or the blend of two, that a request names with its commit; waits while they load.

        Raises:
            RefusalError: no model has the name, it failed to load, or another commit of it is served.
        """
        for name in ("model", "second"):
            if name in fields:
                await self.registry.find(fields.object(name).text("name"))
        return await self.preparing.run(address, self.loaded_model, fields)

    def loaded_model(self, fields: Fields) -> LoadedModel:
        """Returns the same without waiting; runs in any thread.

        Raises:
            RefusalError: the same, or it still loads.
        """
        first, *others = [self._served(fields.object(name)) for name in ("model", "second")[: 1 + ("second" in fields)]]
        if first in others:
            raise RefusalError("refusal.same_second")
        return self.registry.blend(first, *others) if others else first

    def _served(self, reference: Fields) -> LoadedModel:
        commit = reference.text("commit")
        loaded = self.registry.get(reference.text("name"))
        if loaded.commit != commit:
            raise RefusalError("refusal.commit_gone", commit=commit[:7] or Message("origin.folder"))
        return loaded


def route(path: str, respond: Callable[[Request], Awaitable[Response]], method: str = "POST") -> Route:
    """Returns a route; a request that is refused or fails gets the answer of ``ui.access.answers``."""

    async def answer(request: Request) -> Response:
        try:
            return await respond(request)
        except Exception as error:  # noqa: BLE001  logged by ``answer_to``
            return answer_to(request, error)

    return Route(path, answer, methods=[method])


async def while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Returns the result of the work, which is cancelled when the client disconnects. The body must have been read.

    Raises:
        ClientDisconnect: the client has disconnected.
    """

    async def disconnected() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task, left = asyncio.ensure_future(work), asyncio.ensure_future(disconnected())
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        task.cancel()
        left.cancel()
        await asyncio.gather(task, left, return_exceptions=True)


def address_of(request: Request) -> str:
    """Returns the address of the client, which `ui/access` has determined behind the proxies."""
    return request.client.host if request.client else ""


def parse_write(fields: Fields, served: LoadedModel) -> tuple[WriteRequest, ReadText]:
    """Returns a checked request for a reply, and the text before the reply.

    Raises:
        RefusalError: a value is not allowed, or the seed is missing.
    """
    text = fields.text("text", most=MAX_TEXT)
    params = _params(fields, served)
    boundaries = fields.list("boundaries", MAX_BOUNDARIES)
    request = WriteRequest(
        id=fields.hex("id"),
        client=fields.hex("client"),
        served=served,
        params=params,
        received=fields.text("received", "", most=params.length),
        draw_offset=fields.whole("draw_offset", 0, MAX_DRAW, default=0),
        cells=_cells(fields.values.get("cells", []), served),
        chars_per_second=check_speed(fields.values["speed"]) if "speed" in fields else None,
        boundaries=tuple(check_whole("boundaries", each, 0, len(text)) for each in boundaries),
    )
    return request, ReadText(served, text, fields.flag("start"), stretches_of(fields, served, len(text)))


def stretches_of(fields: Fields, served: LoadedModel, length: int) -> Stretches:
    """Returns the clamps in a request, for a text with ``length`` characters.

    Raises:
        RefusalError: a position or a clamp is not allowed.
    """
    found: list[tuple[int, Clamps]] = []
    for each in fields.list("clamps", MAX_STRETCHES):
        position, cells = each if isinstance(each, list) and len(each) == 2 else (None, None)
        if type(position) is not int or not (found[-1][0] if found else -2) < position < max(length, 1):
            raise refused("clamps", each, "positions of the text, in order, with the cells clamped from there on")
        found.append((position, _cells(cells, served)))
    return tuple(found)


def _params(fields: Fields, served: LoadedModel) -> SamplingParams:
    """Returns the settings of a reply; a chat model's stop text is that of the chat, unless the request has another."""
    settings = fields.object("settings")
    if not settings.values.keys() <= SETTINGS.keys():
        raise refused("settings", settings.values, f"an object with {', '.join(SETTINGS)}")
    settings.whole("seed")  # it is drawn by the page
    params = check_params(settings.values)
    chat = served.lm.chat
    if chat and not params.stop:
        params = replace(params, stop=chat.stop)
    return params if served.is_blend else replace(params, share=None)


def _cells(value: object, served: LoadedModel) -> Clamps:
    clamps = check_clamps(value, served.lm.config)
    if clamps and served.is_blend:
        raise RefusalError("refusal.clamps_blended")
    return clamps
