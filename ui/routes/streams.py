"""The streams that the page reads replies from: a route of the app's own, beside Gradio.

Gradio's queue costs the server a millisecond a message, this one a tenth of that, so that many can read at once. A
move of the page begins a reply and gets a token; who opens ``/stream/TOKEN`` reads the reply as server-sent events.
Each message holds what is new since the last one, in the lines of JSON that the page's view is made of
(``lines``); the foot of the turn is in the last. A token is good for one reader and for a few seconds, and a
reply whose reader has gone ends with the engine's next step.
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
UNOPENED_S = 10.0  # a reply that nobody has come to read by then is ended
_MESSAGE_S = 0.0008  # the share of a second that a message may cost: the more readers, the fewer messages each
# A proxy that keeps messages back to send them together would undo the streaming.
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}


class Streams:
    """Replies that are to be read, each by one reader."""

    def __init__(self, load: Activity) -> None:
        self._load = load
        self._unopened: dict[str, tuple[Turn, Sequence, asyncio.TimerHandle]] = {}

    @property
    def route(self) -> APIRoute:
        return APIRoute(PATH, self.respond, methods=["GET"], response_model=None, include_in_schema=False)

    def open(self, turn: Turn) -> str:
        """The token of a turn's reply. To be called in the server's event loop."""
        token = secrets.token_urlsafe()
        timer = asyncio.get_running_loop().call_later(UNOPENED_S, self._expire, token)
        self._unopened[token] = (turn, turn.parts[-1], timer)
        return token

    async def respond(self, request: Request) -> Response:
        turn, part, timer = self._unopened.pop(request.path_params["token"], (None, None, None))
        if turn is None or part is None or timer is None:
            return PlainTextResponse("there is no such stream, or it has been read already\n", 404, _HEADERS)
        timer.cancel()
        return _Events(self._messages(turn, part), lambda: _end(turn, part))

    def _expire(self, token: str) -> None:
        turn, part, _ = self._unopened.pop(token)
        _end(turn, part)

    async def _messages(self, turn: Turn, part: Sequence) -> AsyncIterator[str]:
        told: list[Message] = []
        try:
            async for lines in _replies(turn, part):
                load = self._load.facts
                if load != told:
                    told = load
                    lines += line(load=load)
                if lines:
                    yield _message(lines)
        except RefusalError as refusal:
            yield _message(say("fault", [refusal.message]) + turn.foot())
        except Exception:
            log.exception("a reply could not be streamed")
            yield _message(say("fault", [Message("fault.reply")]) + turn.foot())


class _Events(StreamingResponse):
    """Server-sent events; whatever ends them, something is done at the end."""

    media_type = "text/event-stream"

    def __init__(self, messages: AsyncIterator[str], at_end: Callable[[], None]) -> None:
        super().__init__(messages, headers=_HEADERS)
        self._at_end = at_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:  # here, for messages that were never begun never clean up
            await super().__call__(scope, receive, send)
        finally:
            self._at_end()


async def _replies(turn: Turn, part: Sequence) -> AsyncIterator[str]:
    """What there is to tell of a part of a turn, whenever it is time to tell."""
    engine = turn.served.engine
    position = steps_without = 0
    async with aclosing(follow(turn.served, part, message_s=_MESSAGE_S)) as steps:
        async for _ in steps:
            finished = part.finished  # asked for before the text: then the text is whole
            piece = part.since(position)
            position += len(piece)
            steps_without += not position
            # Its first step is at once, the next after a second.
            waits = (
                say("status", [_patience(engine.queue_position(part))]) if steps_without > 1 and not position else ""
            )
            yield (line(text=piece) if piece else waits) + (turn.foot() if finished else "")


def _patience(others: int) -> Message:
    """A word for someone whose reply has not begun: others are first, or the prompt is long."""
    return Message("status.queue", count=others) if others else Message("status.soon")


def _end(turn: Turn, part: Sequence) -> None:
    turn.served.engine.abort(part)


def _message(lines: str) -> str:
    return "".join(f"data: {each}\n" for each in lines.splitlines()) + "\n"
