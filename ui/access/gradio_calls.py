"""Checks the requests to Gradio's queue before Gradio reads them.

Gradio answers an unknown function, session or argument with an internal error and a traceback in the log, and stores
ids of any length from clients.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from starlette.exceptions import HTTPException

from model.settings import shorten

from ..settings import MAX_PROMPT, parse_json
from .paths import SESSION

_CALL = re.compile(r"/gradio_api/call/(\w+)/?")
_MAX_ITEMS = 100  # of an argument; four clamped cells have 17
_MAX_BRACKETS = MAX_PROMPT + _MAX_ITEMS  # of a body: a prompt may consist of them
_FIELDS = {"data", "fn_index", "session_hash", "event_id"}  # the others change how Gradio runs a function


class GradioCalls:
    """Checks requests against the endpoints that exist.

    Args:
        endpoints: the functions of the API by name, in the order in which Gradio numbers them.
    """

    def __init__(self, endpoints: Mapping[str, Callable[..., Any]]) -> None:
        self._arguments = {
            name: {
                key: each.default for key, each in inspect.signature(function).parameters.items() if key != "request"
            }
            for name, function in endpoints.items()
        }
        self.endpoints = tuple(endpoints)
        self.no_such_endpoint = f"there is no such endpoint: use one of {', '.join(f'/{name}' for name in endpoints)}"

    def checked(self, path: str, body: bytes) -> tuple[bytes, str]:
        """Checks a POST request to the queue.

        Returns:
            The body with only the fields that Gradio may read, with the defaults of missing arguments; and the session
            that the client has chosen, "" without one.

        Raises:
            HTTPException: a field is missing or not allowed, or names an endpoint that does not exist.
            RefusalError: the body is not a JSON object.
        """
        if body.count(b"[") + body.count(b"{") > _MAX_BRACKETS:  # 240 kB of empty lists take 10 ms to read
            raise HTTPException(400, "the body has too many lists")
        fields, call = dict(parse_json(body).values), _CALL.fullmatch(path)
        endpoint = call[1] if call else ""
        if call:  # which then has a session of its own
            fields.pop("session_hash", None)
        for name in ("session_hash", "event_id"):
            value = fields.get(name)
            if value is not None and not (isinstance(value, str) and re.fullmatch(SESSION, value)):
                raise HTTPException(400, f"{name} must be 1 to 64 letters, digits, - or _")
        if path.endswith("/queue/join"):
            index = fields.get("fn_index")
            if type(index) is not int or not 0 <= index < len(self.endpoints):
                raise HTTPException(404, self.no_such_endpoint)
            if fields.get("session_hash") is None:
                raise HTTPException(400, "session_hash is missing")
            endpoint = self.endpoints[index]
        if endpoint:
            fields["data"] = self._all_values(endpoint, fields.get("data"))
        read = {name: fields[name] for name in fields.keys() & _FIELDS}
        return json.dumps(read).encode(), read.get("session_hash") or ""

    def _all_values(self, endpoint: str, given: object) -> list[object]:
        """Returns the values of all arguments of an endpoint; those after the given ones have their defaults."""
        arguments = self._arguments[endpoint]
        if not isinstance(given, list) or len(given) > len(arguments):
            raise HTTPException(400, f"data must be a list of at most {len(arguments)} arguments of /{endpoint}")
        values = [*given, *list(arguments.values())[len(given) :]]
        for name, value in zip(arguments, values, strict=True):
            if value is inspect.Parameter.empty:
                raise HTTPException(400, f"{name} is missing: /{endpoint} needs it")
            items = list(islice(_items(value), _MAX_ITEMS + 1))
            if len(items) > _MAX_ITEMS or any(isinstance(item, dict) for item in items):
                raise HTTPException(
                    400, f"{name} is {shorten(value)}: it must be a text, a number or a short list of numbers"
                )
        return values


def _items(value: object) -> Iterator[object]:
    """Yields the value of an argument and the items of its lists. Gradio may take an object for an uploaded file."""
    yield value
    if isinstance(value, list):
        for item in value:
            yield from _items(item)
