"""Checks the requests to Gradio's queue before Gradio reads them.

Gradio answers an unknown function, session or argument with an internal error and a traceback in the log, and stores
ids of any length from clients.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .answers import DeniedError
from .paths import SESSION

_CALL = re.compile(r"/gradio_api/call/(v2/)?(\w+)/?")
_MAX_ITEMS = 100  # of an argument; four clamped cells have 17
_FIELDS = {"data", "fn_index", "session_hash", "event_id"}  # the others change how Gradio runs a function


class GradioCalls:
    """Checks requests against the endpoints that exist.

    Args:
        endpoints: the functions of the API by name, in the order in which Gradio numbers them.
    """

    def __init__(self, endpoints: Mapping[str, Callable[..., Any]]) -> None:
        self._arguments = {
            name: {key: each for key, each in inspect.signature(function).parameters.items() if key != "request"}
            for name, function in endpoints.items()
        }

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names of the API's endpoints."""
        return tuple(self._arguments)

    @property
    def no_such_endpoint(self) -> str:
        """The error for an unknown endpoint, which lists the known ones."""
        *first, last = [f"/{name}" for name in self.endpoints]
        return f"there is no such endpoint: use {', '.join(first)} or {last}"

    def check_call(self, path: str, body: bytes) -> tuple[bytes, str]:
        """Checks a POST request to the queue.

        Returns:
            The body with only the fields that Gradio may read, with the defaults of missing arguments; and the session
            that the client has chosen, "" without one.

        Raises:
            DeniedError: a field is missing or not valid, or names a function that does not exist.
        """
        fields = _json_object(body)
        call = _CALL.fullmatch(path)
        if call and call.group(1):
            self._check_named(call.group(2), fields)
            return body, ""
        session = fields.get("session_hash")
        if session is not None and not (isinstance(session, str) and re.fullmatch(SESSION, session)):
            raise DeniedError(400, "session_hash must be 1 to 64 letters, digits, - or _")
        event = fields.get("event_id")
        if event is not None and not (isinstance(event, str) and re.fullmatch(SESSION, event)):
            raise DeniedError(400, "event_id must be the id of a call")
        if path.endswith("/queue/join"):
            index = fields.get("fn_index")
            if type(index) is not int or not 0 <= index < len(self.endpoints):
                raise DeniedError(404, self.no_such_endpoint)
            if session is None:
                raise DeniedError(400, "session_hash is missing")
            fields["data"] = self._check_listed(self.endpoints[index], fields.get("data"))
        elif call:
            fields["data"] = self._check_listed(call.group(2), fields.get("data"))
        return json.dumps({name: fields[name] for name in fields.keys() & _FIELDS}).encode(), session or ""

    def _check_listed(self, endpoint: str, given: object) -> list[object]:
        """Returns the values of all arguments of an endpoint; those after the given ones have their defaults."""
        if not isinstance(given, list):
            raise DeniedError(400, "data must be a list of the endpoint's arguments")
        arguments = self._arguments[endpoint]
        if len(given) > len(arguments):
            raise DeniedError(400, f"data has {len(given):,} values: /{endpoint} has {len(arguments)} arguments")
        self._check_named(endpoint, dict(zip(arguments, given, strict=False)))
        return [*given, *(each.default for each in list(arguments.values())[len(given) :])]

    def _check_named(self, endpoint: str, given: Mapping[str, object]) -> None:
        arguments = self._arguments[endpoint]
        if unknown := sorted(given.keys() - arguments.keys()):
            raise DeniedError(400, f"/{endpoint} has no argument {unknown[0]!r:.40}")
        for name, argument in arguments.items():
            if argument.default is argument.empty and name not in given:
                raise DeniedError(400, f"{name} is missing: /{endpoint} needs it")
        for name, value in given.items():
            if sum(1 for _ in _items(value)) > _MAX_ITEMS or any(isinstance(item, dict) for item in _items(value)):
                raise DeniedError(400, f"{name} is {json.dumps(value):.40}: it must be a text or a number")


def _items(value: object) -> Iterator[object]:
    """Yields the value of an argument and the items of its lists. Gradio may take an object for an uploaded file."""
    yield value
    if isinstance(value, list):
        for item in value:
            yield from _items(item)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise DeniedError(400, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise DeniedError(400, "the body is not a JSON object")
    return value
