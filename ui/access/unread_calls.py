"""Reads the results of Gradio's queue that no client reads.

Gradio keeps the messages of a call until its client reads them (gradio issue 13756), and a result of /score takes up to
a megabyte. So a result that no client has begun to read within ``UNREAD_S`` is read here, over the same address, and
dropped. The name of a session Gradio keeps until a client disconnects from it, which is done here, too. Nothing of
Gradio's own state is touched.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Scope, Send

from .limits import counted
from .paths import EVENT

UNREAD_S = 60.0  # after the newest call of a session
MAX_UNREAD = 200  # sessions; of more, the oldest ones are read at once
MAX_KNOWN = 2_000  # sessions that are remembered: as many as Gradio has queues for
_DATA = "/gradio_api/queue/data"
_RESULT = re.compile(rf"/gradio_api/call/\w+/({EVENT})")


class UnreadCalls:
    """The sessions of Gradio's queue: those that clients have chosen, and one for each other call, with the call's id.

    Belongs to one event loop.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: OrderedDict[str, None] = OrderedDict()
        self._unread: OrderedDict[str, float] = OrderedDict()  # by session: when its newest call was made
        self._readers: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def noting(self, session: str, send: Send) -> Send:
        """Returns a ``send`` for the answer to a call, whose result is to be read.

        Args:
            session: that the client has chosen; "" if Gradio uses the id of the call, which the answer holds.
            send: of the request.
        """
        body = bytearray()

        async def send_noted(message: Message) -> None:
            body.extend(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body"):
                with suppress(ValueError, KeyError, TypeError):  # the call was refused
                    event = json.loads(body)["event_id"]
                    self._note(session or event)
            await send(message)

        return send_noted

    def session_of_stream(self, path: str, query: QueryParams) -> str:
        """Returns the session whose events a request streams; "" for a request that streams no events.

        Raises:
            HTTPException: the session does not exist, or its results were dropped.
        """
        result = _RESULT.fullmatch(path)
        if path != _DATA and not result:
            return ""
        session = result[1] if result else ",".join(query.getlist("session_hash"))
        if session not in self._known:
            raise HTTPException(404, "there is no such call or session, or its results were read already")
        return session

    @contextmanager
    def reading(self, session: str) -> Iterator[None]:
        """Counts a client as a reader of a session inside the context, after which the calls before it are read."""
        if not session:
            yield
            return
        began = time.monotonic()
        try:
            with counted(self._readers, session):
                yield
        finally:
            if self._unread.get(session, began) <= began:
                self._unread.pop(session, None)
                if re.fullmatch(EVENT, session):  # of one call, whose result can be read once
                    self._known.pop(session, None)
                    self._start(self._leave(session))

    def sweep(self) -> None:
        """Starts to read the results that no client reads."""
        oldest = time.monotonic() - UNREAD_S
        waiting = [session for session in self._unread if not self._readers[session]]
        old = [session for session in waiting if self._unread[session] <= oldest]
        for session in dict.fromkeys([*old, *waiting[:-MAX_UNREAD]]):
            del self._unread[session]
            self._known.pop(session, None)
            self._start(self._drop(session))

    def _note(self, session: str) -> None:
        self._known[session] = None
        self._known.move_to_end(session)
        if len(self._known) > MAX_KNOWN:
            oldest, _ = self._known.popitem(last=False)
            if oldest not in self._unread and not self._readers[oldest]:
                self._start(self._leave(oldest))
        self._unread[session] = time.monotonic()
        self._unread.move_to_end(session)

    async def _drop(self, session: str) -> None:
        """Reads the events of a session to their end, and disconnects from it."""
        with suppress(Exception):  # Gradio may have deleted the session: its client has left, or cancelled the call
            await self._request(session, asyncio.Event().wait)
        if session not in self._known:  # its client has made no call meanwhile
            await self._leave(session)

    async def _leave(self, session: str) -> None:
        """Asks for the events of a session that was read, and disconnects at once."""

        async def disconnected() -> Message:
            return {"type": "http.disconnect"}

        await self._request(session, disconnected)

    async def _request(self, session: str, receive: Callable[[], Awaitable[Any]]) -> None:
        """Asks Gradio for the events of a session, as a client would."""
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},  # before 2.4, an answer could be cancelled unbegun
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "server": ("localhost", 80),
            "path": _DATA,
            "query_string": f"session_hash={session}".encode(),
            "headers": [],
        }

        async def ignore(_: Message) -> None:
            pass

        await self._app(scope, receive, ignore)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
