"""Checks the requests to Gradio's queue before Gradio reads them.

Gradio answers an unknown function, session or argument with an internal error and a traceback in the log, and stores
ids of any length from clients.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from gradio import Blocks

from .answers import DeniedError
from .gradio_sessions import GradioSessions
from .paths import EVENT, SESSION

_CALL = re.compile(r"/gradio_api/call/(v2/)?(\w+)/?")
_RESULT = re.compile(rf"/gradio_api/call/(?:v2/)?\w+/({EVENT})")
_FIELDS = {"data", "fn_index", "session_hash", "event_id"}  # the others change how Gradio runs a function

Arguments = Mapping[str, inspect.Parameter]


class GradioCalls:
    """Checks requests against the functions and the sessions that exist.

    Args:
        blocks: the Gradio app.

    Attributes:
        sessions: the sessions of the queue.
    """

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self.sessions = GradioSessions(blocks)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names of the API's endpoints."""
        return tuple(self._arguments())

    @property
    def no_such_endpoint(self) -> str:
        """The error for an unknown endpoint, which lists the known ones."""
        *first, last = [f"/{name}" for name in self.endpoints]
        return f"there is no such endpoint: use {', '.join(first)} or {last}"

    def check_call(self, path: str, body: bytes) -> bytes:
        """Returns the body of a POST request to the queue, with only the fields that Gradio may read.

        Raises:
            DeniedError: a field is missing or not valid, or names a function that does not exist.
        """
        fields = _json_object(body)
        call = _CALL.fullmatch(path)
        if call and call.group(1):
            self._check_named(call.group(2), fields)
            return body
        session = fields.get("session_hash")
        if session is not None and not (isinstance(session, str) and re.fullmatch(SESSION, session)):
            raise DeniedError(400, "session_hash must be 1 to 64 letters, digits, - or _")
        event = fields.get("event_id")
        if event is not None and not (isinstance(event, str) and re.fullmatch(SESSION, event)):
            raise DeniedError(400, "event_id must be the id of a call")
        if path.endswith("/queue/join"):
            self._check_index(fields.get("fn_index"))
            if session is None:
                raise DeniedError(400, "session_hash is missing")
        if (call or path.endswith("/queue/join")) and not isinstance(fields.get("data"), list):
            raise DeniedError(400, "data must be a list of the endpoint's arguments")
        return json.dumps({name: fields[name] for name in fields.keys() & _FIELDS}).encode()

    def session_of_stream(self, path: str, query: bytes) -> str:
        """Returns the session whose events a request streams; "" for a request that streams no events.

        Raises:
            DeniedError: the session does not exist.
        """
        queue = self._blocks._queue
        if path.endswith("/queue/data"):
            sessions = parse_qs(query.decode("latin-1"), max_num_fields=8).get("session_hash", [""])
            if len(sessions) != 1 or sessions[0] not in queue.pending_messages_per_session:
                raise DeniedError(404, "there is no such session, or its calls have ended")
            return sessions[0]
        if result := _RESULT.fullmatch(path):
            event = queue.event_ids_to_events.get(result.group(1))
            session = event.session_hash if event else self._session_of(result.group(1))
            if session not in queue.pending_messages_per_session:
                raise DeniedError(404, "there is no such call, or its result was read already")
            return session
        return ""

    def _session_of(self, event: str) -> str:
        """Returns the session of a call that has ended, as Gradio looks it up."""
        pending = self._blocks._queue.pending_event_ids_session
        return next((session for session, events in pending.items() if event in events), event)

    def _arguments(self) -> Mapping[str, Arguments]:
        """Returns the arguments of each endpoint."""
        functions = self._blocks.fns.values()
        named = {each.api_name: each.fn for each in functions if isinstance(each.api_name, str) and each.fn}
        return {name: inspect.signature(function).parameters for name, function in named.items()}

    def _check_index(self, index: object) -> None:
        if type(index) is not int or index not in self._blocks.fns:
            raise DeniedError(404, self.no_such_endpoint)

    def _check_named(self, endpoint: str, given: Mapping[str, Any]) -> None:
        arguments = self._arguments()[endpoint]
        if unknown := sorted(given.keys() - arguments.keys()):
            raise DeniedError(400, f"/{endpoint} has no argument {unknown[0]!r:.40}")
        for name, argument in arguments.items():
            if argument.default is argument.empty and name not in given:
                raise DeniedError(400, f"{name} is missing: /{endpoint} needs it")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise DeniedError(400, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise DeniedError(400, "the body is not a JSON object")
    return value
