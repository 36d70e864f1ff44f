"""A route that streams replies to the page as server-sent events, beside Gradio's queue.

Gradio's queue costs the server a millisecond per message, this route a tenth of that, so many clients can read at once.
An event of the page starts a reply and gets a token; ``/stream/TOKEN`` streams that reply. Each message holds what is
new since the last one, as JSON lines (``ui/protocol.py``); the last one has the footer of the turn. A token is valid
for one client and for a few seconds. When the client disconnects, the reply ends with the engine's next step.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from model import Sequence

from ..conversation.progress import follow
from ..conversation.turn import Turn
from ..messages import Message, RefusalError
from ..protocol import line, say
from ..registry.activity import Activity

log = logging.getLogger("char-lstm")

PATH = "/stream/{token}"
UNOPENED_S = 10.0  # after which a reply is ended if no client has opened its stream
_MESSAGE_S = 0.0008  # seconds of server time per message: with more clients, each gets fewer messages
# x-accel-buffering: a proxy must not collect messages and send them together.
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}


class Streams:
    """The replies that are streamed, each to one client."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._unopened: dict[str, tuple[Turn, Sequence, asyncio.TimerHandle]] = {}

    @property
    def route(self) -> APIRoute:
        """The route, for FastAPI."""
        return APIRoute(PATH, self.respond, methods=["GET"], response_model=None, include_in_schema=False)

    def open(self, turn: Turn) -> str:
        """The token of the stream of a turn's reply. Must be called in the server's event loop."""
        token = secrets.token_urlsafe()
        timer = asyncio.get_running_loop().call_later(UNOPENED_S, self._expire, token)
        self._unopened[token] = (turn, turn.parts[-1], timer)
        return token

    async def respond(self, request: Request) -> Response:
        """Streams the reply of the token in the path; 404 for a token that is unknown or was used."""
        turn, part, timer = self._unopened.pop(request.path_params["token"], (None, None, None))
        if turn is None or part is None or timer is None:
            return PlainTextResponse("there is no such stream, or it has been read already\n", 404, _HEADERS)
        timer.cancel()
        return _Events(self._messages(turn, part), lambda: _end(turn, part))

    def _expire(self, token: str) -> None:
        turn, part, _ = self._unopened.pop(token)
        _end(turn, part)

    async def _messages(self, turn: Turn, part: Sequence) -> AsyncIterator[str]:
        shown: list[Message] = []
        try:
            async for lines in _lines_of(turn, part):
                activity = self._activity.facts
                if activity != shown:
                    shown = activity
                    lines += line(load=activity)
                if lines:
                    yield _message(lines)
        except RefusalError as refusal:
            yield _message(say("fault", [refusal.message]) + turn.foot())
        except Exception:
            log.exception("a reply could not be streamed")
            yield _message(say("fault", [Message("fault.reply")]) + turn.foot())


class _Events(StreamingResponse):
    """Server-sent events that call ``at_end`` however the stream ends."""

    media_type = "text/event-stream"

    def __init__(self, messages: AsyncIterator[str], at_end: Callable[[], None]) -> None:
        super().__init__(messages, headers=_HEADERS)
        self._at_end = at_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:  # not in the generator: one that was never started runs no finally
            await super().__call__(scope, receive, send)
        finally:
            self._at_end()


async def _lines_of(turn: Turn, part: Sequence) -> AsyncIterator[str]:
    """The new lines of a part of a turn, at each step of ``follow``."""
    engine = turn.served.engine
    position = steps_without = 0
    async with aclosing(follow(turn.served, part, message_s=_MESSAGE_S)) as steps:
        async for _ in steps:
            finished = part.finished  # read before the text: once it is set, the text is complete
            piece = part.since(position)
            position += len(piece)
            steps_without += not position
            # The first step comes at once, the second after a second.
            status = (
                say("status", [_queue_status(engine.queue_position(part))])
                if steps_without > 1 and not position
                else ""
            )
            yield (line(text=piece) if piece else status) + (turn.foot() if finished else "")


def _queue_status(others: int) -> Message:
    """Why a reply has not started: others are before it in the queue, or its prompt is still being read."""
    return Message("status.queue", count=others) if others else Message("status.soon")


def _end(turn: Turn, part: Sequence) -> None:
    turn.served.engine.abort(part)


def _message(lines: str) -> str:
    return "".join(f"data: {each}\n" for each in lines.splitlines()) + "\n"
