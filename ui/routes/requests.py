"""Parses the requests of a page: the model, the text of the conversation, which the page keeps, and the clamped cells.

    model, second    {"name": …, "commit": …}; "" is the commit of a model in a folder; second is null without a blend
    text             prompts and replies since the state was zero
    start            whether the model read its start character before the text
    clamps           [[position, [[layer, cell, value], …]], …]: the cells that are clamped from the step on that reads
                     a position; -1 is the start character

Positions and lengths are in code points.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from fastapi import Request, Response
from starlette.routing import Route

from model import SamplingParams
from model.clamps import Clamps, Stretches
from model.settings import SETTINGS, shorten

from ..access.answers import answer_to
from ..conversation.clamps import check_clamps
from ..conversation.read_text import ReadText
from ..messages import Message, RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.lookup import find_model
from ..registry.registry import ModelRegistry
from ..settings import check_index, check_params, check_speed, check_text, refused

MAX_TEXT = 100_000  # characters
MAX_STRETCHES = 2_000  # of a text, with different clamps
MAX_BOUNDARIES = 16
MAX_DRAW = 1 << 40  # draws of a seed: more than any conversation has
_HEX = re.compile("[0-9a-f]{8,64}")

Query = Mapping[str, object]


def route(path: str, respond: Callable[[Request], Awaitable[Response]], method: str = "POST") -> Route:
    """Returns a route; a request that is refused or fails gets the answer of ``ui.access.answers``."""

    async def answer(request: Request) -> Response:
        try:
            return await respond(request)
        except Exception as error:  # noqa: BLE001  logged by ``answer_to``
            return answer_to(request, error)

    return Route(path, answer, methods=[method])


@dataclass(frozen=True, kw_only=True)
class WriteRequest:
    """A request of a page for a reply.

    Attributes:
        id: of the reply, chosen by the page at random.
        client: of the page, chosen by the page at random.
        before: the text that the model reads before the reply.
        received: the beginning of the reply that the page has already.
        params: the sampling parameters of the whole reply.
        draw_offset: the index of the reply's first character among the draws of the seed.
        cells: the cells that are clamped while the reply is written.
        chars_per_second: the speed limit; None is full speed.
        boundaries: the lengths of beginnings of the text whose state may be cached.
    """

    id: str
    client: str
    before: ReadText
    received: str
    params: SamplingParams
    draw_offset: int
    cells: Clamps
    chars_per_second: float | None
    boundaries: tuple[int, ...]


def parse_write(query: Query, registry: ModelRegistry) -> WriteRequest:
    """Returns a checked request for a reply.

    Raises:
        RefusalError: a value is not allowed.
    """
    served = model_of(query, registry)
    text = check_text("text", query.get("text"), most=MAX_TEXT)
    before = read_text_of(query, served, text)
    params = params_of(query.get("settings"), served)
    received = check_text("received", query.get("received", ""), most=params.length)
    boundaries = query.get("boundaries", [])
    if not isinstance(boundaries, list) or len(boundaries) > MAX_BOUNDARIES:
        raise malformed(f"boundaries must be a list of at most {MAX_BOUNDARIES} lengths")
    speed = query.get("speed")
    return WriteRequest(
        id=hex_of(query, "id"),
        client=hex_of(query, "client"),
        before=before,
        received=received,
        params=params,
        draw_offset=check_index("draw_offset", query.get("draw_offset", 0), MAX_DRAW),
        cells=_cells(query.get("cells", []), served),
        chars_per_second=None if speed is None else check_speed(speed),
        boundaries=tuple(check_index("boundaries", each, len(text) + 1) for each in boundaries),
    )


def digest_of(query: Query) -> str:
    """Returns the SHA-256 of the fields that determine the text of a reply, in hex digits."""
    names = ("model", "second", "text", "start", "clamps", "settings", "draw_offset", "cells")
    values = json.dumps([query.get(name) for name in names], sort_keys=True)
    return hashlib.sha256(values.encode()).hexdigest()


def model_of(query: Query, registry: ModelRegistry) -> LoadedModel:
    """Returns the model, or the blend of two, that a request names with its commit.

    Raises:
        RefusalError: no model has the name, it still loads, or another commit is served.
    """
    first = _served(query, "model", registry)
    if query.get("second") is None:
        return first
    second = _served(query, "second", registry)
    if second is first:
        raise RefusalError("refusal.same_second")
    return registry.blend(first, second)


async def wait_for_models(query: Query, registry: ModelRegistry) -> None:
    """Waits while the models in a request are loading, as right after the start of the app."""
    for field in ("model", "second"):
        reference = query.get(field)
        if isinstance(reference, dict):
            with suppress(RefusalError):  # ``model_of`` raises it again, with the field
                await find_model(registry, reference.get("name"))


def read_text_of(query: Query, served: LoadedModel, text: str) -> ReadText:
    """Returns the text of a request, with its clamps.

    Raises:
        RefusalError: a value is not allowed.
    """
    start = query.get("start", False)
    if not isinstance(start, bool):
        raise malformed("start must be true or false")
    return ReadText(served, text, start, stretches_of(query, served, len(text)))


def stretches_of(query: Query, served: LoadedModel, length: int) -> Stretches:
    """Returns the clamps in a request, for a text with ``length`` characters.

    Raises:
        RefusalError: a position or a clamp is not allowed.
    """
    value = query.get("clamps", [])
    if not isinstance(value, list) or len(value) > MAX_STRETCHES:
        raise malformed(f"clamps must be a list of at most {MAX_STRETCHES} stretches")
    found: list[tuple[int, Clamps]] = []
    for each in value:
        position, cells = each if isinstance(each, list) and len(each) == 2 else (None, None)
        if type(position) is not int or not (found[-1][0] if found else -2) < position < max(length, 1):
            raise malformed("clamps must be positions of the text, in order, with the cells clamped from there on")
        found.append((position, _cells(cells, served)))
    return tuple(found)


def params_of(settings: object, served: LoadedModel) -> SamplingParams:
    """Returns the settings of a reply; a chat model's stop text is that of the chat, unless the request has another.

    Raises:
        RefusalError: a value is not allowed, or the seed is missing.
    """
    if not isinstance(settings, dict) or not settings.keys() <= SETTINGS.keys():
        raise malformed(f"settings must be an object with {', '.join(SETTINGS)}")
    if settings.get("seed") is None:
        raise refused(SETTINGS["seed"], None)
    params = check_params(settings)
    chat = served.lm.chat
    if chat and not params.stop:
        params = replace(params, stop=chat.stop)
    return params if served.is_blend else replace(params, share=None)


def hex_of(query: Query, name: str) -> str:
    """Returns an id that the page has chosen at random.

    Raises:
        RefusalError: the field is not a text of 8 to 64 hex digits.
    """
    value = query.get(name)
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise malformed(f"{name} must be 8 to 64 hex digits")
    return value


def malformed(reason: str) -> RefusalError:
    """Returns the refusal of a request with a field that is missing or not valid."""
    return RefusalError("refusal.malformed", reason=reason)


def address_of(request: Request) -> str:
    """Returns the address of the client, which `ui/access` has determined behind the proxies."""
    return request.client.host if request.client else ""


def _served(query: Query, field: str, registry: ModelRegistry) -> LoadedModel:
    reference = query.get(field)
    if not isinstance(reference, dict) or not isinstance(reference.get("commit"), str):
        raise malformed(f"{field} must be an object with name and commit")
    name, commit = reference.get("name"), reference["commit"]
    if not isinstance(name, str):
        raise malformed(f"the name of {field} must be a text")
    loaded = registry.get(name)
    if loaded.commit != commit:
        raise RefusalError("refusal.commit_gone", commit=commit[:7] or Message("origin.folder"))
    return loaded


def _cells(value: object, served: LoadedModel) -> Clamps:
    if not isinstance(value, list):
        raise malformed(f"the clamped cells are {shorten(value)}: they must be a list")
    clamps = check_clamps(value, served.lm.config)
    if clamps and served.is_blend:
        raise RefusalError("refusal.clamps_blended")
    return clamps
