"""Routes that write a reply for a page as server-sent events. The page keeps the conversation, and sends it each time.

    POST /write       {…, "settings": {…}, "draw_offset": 0, "cells": [], "speed": 60, "id": "…", "received": "",
                       "boundaries": [], "client": "…"}, with the fields of ``requests``
        settings      by their names in the API; the seed is required
        draw_offset   the index of the reply's first character among the draws of the seed
        cells         the cells that are clamped while it is written
        speed         characters per second; null is full speed
        id, client    of the reply and of the page: 8 to 64 hex digits that the page has chosen at random
        received      the beginning of the reply that the page has already
        boundaries    lengths of beginnings of the text whose state the server may have cached
    POST /write/check {"model": …, "second": …, "texts": ["…"]} refuses texts with a blocked word, such as the prompts
                      of a link before they are shown; otherwise {}
    POST /write/stop  {"id": "…"} ends a reply before its next character: {"stopped": true}, false if it has ended

The id of each event is the number of characters of the reply so far, those received before included. Its data is one of

    {"text": "…", "bits": [3.2]}  more text, and the surprisal of each character of it; no bits without lenses
    {"status": [MESSAGE]}   until the first text
    {"end": REASON, "error": MESSAGE, "rate": 60}  why the reply has ended; the last event

If the connection breaks, the reply ends. The page sends the request again with the characters that it has received, and
this process or another one continues the same text. A request for a model that is not served gets 404.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from model import Memory, Sequence
from model.engine.engine import EngineBusyError

from ..access.addresses import group_of
from ..access.answers import HEADERS
from ..access.workers import Workers
from ..conversation import ReadText, States
from ..messages import Message, RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.registry import LOADING
from ..settings import DEADLINE_S, MAX_STEPS, check_text, parse_json
from .requests import Services, WriteRequest, address_of, parse_write, route

log = logging.getLogger("char-lstm")
# x-accel-buffering: a proxy must not collect messages and send them together.
_STREAM_HEADERS = {**HEADERS, "x-accel-buffering": "no"}
_FIRST_S = 0.005  # until the first character, which is shown at once
_BETWEEN_S = 1 / 30  # smooth to the eye
_UPDATE_S = 0.0008  # of the server's time for an update: with more replies, each gets fewer updates
_SLOWEST_S = 0.2  # between two updates, however many replies there are
_KEEPALIVE_S = 1.0  # Gradio notices a disconnected client only when it sends something
_SLICE = 4_000  # characters
_GRACE_S = 10.0  # after the deadline, at which a working engine ends a reply


class Writer:
    """Writes the replies of all pages."""

    def __init__(self, replies: RunningReplies) -> None:
        self._services, self._replies = replies.services, replies
        answers = {"/write": self._write, "/write/stop": self._stop, "/write/check": self._check}
        self.routes = [route(path, answer) for path, answer in answers.items()]

    async def _stop(self, request: Request) -> JSONResponse:
        fields = await self._services.fields(request)
        return JSONResponse({"stopped": self._replies.stop(fields.hex("id"))}, headers=HEADERS)

    async def _check(self, request: Request) -> JSONResponse:
        """Refuses texts that contain a blocked word."""
        fields = await self._services.fields(request)
        served = await self._services.model(fields, address_of(request))
        for text in [check_text("prompt", each) for each in fields.list("texts", MAX_STEPS)]:
            await self._services.workers.run_slices(address_of(request), check_words(served, text))
        return JSONResponse({}, headers=HEADERS)

    async def _write(self, request: Request) -> Response:
        services, address, body = self._services, address_of(request), await request.body()
        try:
            wanted, before = await services.preparing.run(address, self._parse, body)
        except RefusalError as refusal:
            if refusal.id not in LOADING:
                raise
            await services.model(await services.fields(request), address)
            wanted, before = await services.preparing.run(address, self._parse, body)
        if len(wanted.received) == wanted.params.length:  # the page lacks only the end
            return EventStream(_nothing_left(wanted.params.length))
        reply = await self._replies.start(wanted, before, address)
        return EventStream(reply.events(), partial(self._replies.end, reply))

    def _parse(self, body: bytes) -> tuple[WriteRequest, ReadText]:
        """Returns the request in a body. Parsed, 2,000 clamps take a megabyte: only while this works."""
        fields = parse_json(body)
        return parse_write(fields, self._services.loaded_model(fields))


async def _nothing_left(length: int) -> AsyncIterator[str]:
    yield event(length, end="length", error=None, rate=None)


class RunningReply:
    """One reply, followed from its start to its end.

    Attributes:
        request: the request for the reply, of which the engine's sequence holds the characters after ``received``.
        ended: whether the text is complete and the state cached.
    """

    def __init__(self, request: WriteRequest, sequence: Sequence, address: str, *, shows_bits: bool) -> None:
        self.request = request
        self.ended = False
        self._address = address
        self._sequence = sequence
        self._shows_bits = shows_bits
        self._failure: Message | None = None
        self._changed = asyncio.Event()

    @property
    def text(self) -> str:
        """The reply so far, with what was received before."""
        return self.request.received + self._sequence.text

    @property
    def error(self) -> Message | None:
        """Why the reply has failed; None if it has not."""
        error = self._sequence.error
        return self._failure or (Message("fault.model", error=error) if error else None)

    @property
    def finish_reason(self) -> str:
        """Why the reply has ended; "" while it is written."""
        return self._sequence.finish_reason or ""

    def stop(self) -> None:
        """Ends the reply before its next character."""
        self.request.served.engine.abort(self._sequence)

    async def run(
        self, steps: AsyncGenerator[Sequence, None], key: Callable[[str], str], states: States, workers: Workers
    ) -> None:
        """Follows the reply to its end and caches its state.

        Args:
            steps: from `_followed`.
            key: returns the key of the state after more of the reply.
            states: the cache of states.
            workers: the threads in which the text is hashed.
        """
        try:
            async with aclosing(steps):
                async for _ in steps:
                    self._changed.set()
        except RefusalError as refusal:
            self._failure = refusal.message
        except Exception:
            log.exception("a reply could not be followed")
            self._failure = Message("fault.reply")
        if self._sequence.prompt_memory or self._sequence.memory:
            await workers.run(self._address, self._save, key, states)
        self.ended = True
        self._changed.set()

    def _save(self, key: Callable[[str], str], states: States) -> None:
        """Caches the states before and after the reply."""
        sequence, group = self._sequence, group_of(self._address)
        if sequence.prompt_memory:
            states.save(key(""), sequence.prompt_memory, group)
        if sequence.memory:
            # The memory of a reply that its stop text has ended includes the stop text.
            stop = sequence.params.stop if sequence.finish_reason == "stop" else ""
            states.save(key(sequence.text + stop), sequence.memory, group)

    async def events(self) -> AsyncIterator[str]:
        """Yields the server-sent events of the reply for a page, after the characters that the page has received."""
        empty, position = 0, len(self.request.received)
        async for piece in self.pieces():
            begin, position = position, position + len(piece)
            if piece:
                yield event(position, text=piece, **self._bits(begin, position))
                continue
            empty += 1
            if empty > 1 and not self._sequence.length and not self.ended:  # the second is a second after the first
                others = self.request.served.engine.queue_position(self._sequence)
                status = Message("status.queue", count=others) if others else Message("status.soon")
                yield event(position, status=[status.as_json()])
        yield self._ending(position)

    async def pieces(self) -> AsyncIterator[str]:
        """Yields the next characters of the reply until its end; "" while it waits."""
        position = len(self.request.received)
        while True:
            self._changed.clear()
            ended, piece = self.ended, self.text[position:]  # in this order: once it has ended, the text is complete
            position += len(piece)
            if piece or not ended:
                yield piece
            if ended:
                return
            await self._changed.wait()

    def _bits(self, begin: int, end: int) -> dict[str, list[float]]:
        """Returns the surprisals of the characters from one position to another, unless the owner shows none."""
        if not self._shows_bits:
            return {}
        before = len(self.request.received)
        return {"bits": [round(each, 2) for each in self._sequence.bits(begin - before, end - before)]}

    def _ending(self, position: int) -> str:
        sequence, error = self._sequence, self.error
        measured = sequence.length > 1 and sequence.started_at
        rate = round(sequence.measured_chars_per_second) if measured else None
        end = "error" if error else self.finish_reason
        return event(position, end=end, error=error.as_json() if error else None, rate=rate)


class RunningReplies:
    """The replies whose connections have not ended.

    Args:
        services: what the routes share, which is the attribute ``services``.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.states = States()
        self._replies: dict[str, RunningReply] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def stop(self, id: str) -> bool:
        """Ends a reply before its next character; returns whether it was being written."""
        reply = self._replies.get(id)
        if reply:
            reply.stop()
        return reply is not None

    def _find(
        self, request: WriteRequest, before: ReadText
    ) -> tuple[ReadText, Memory | None, int, Callable[[str], str]]:
        """Returns the text before the rest of a reply, and what is known of it. Takes up to 50 ms.

        That is the memory after its longest cached beginning, the length of that, and a function that returns the key
        of the state after the text and more of the reply.
        """
        read = before.followed_by(request.received, request.cells)
        return read, *self.states.find(read, (*request.boundaries, len(before.text))), read.key_with(request.cells)

    async def start(self, request: WriteRequest, before: ReadText, address: str) -> RunningReply:
        """Starts a reply after a text, and ends one with the same id: the page has lost its connection.

        Raises:
            RefusalError: the text has a blocked word, or the address or the engine has too many replies.
        """
        preparing = self.services.preparing
        read, memory, known, key = await preparing.run(address, self._find, request, before)
        self.stop(request.id)
        if read.served.engine.blocked:
            await preparing.run_slices(address, check_words(read.served, read.text, begin=known))
        text, length = read.text[known:], request.params.length - len(request.received)
        submit = partial(
            read.served.engine.add_request,
            text,
            replace(request.params, length=length),
            memory=memory,
            draw_offset=request.draw_offset + len(request.received),
            chars_per_second=request.chars_per_second,
            deadline_s=DEADLINE_S,
            client_id=f"{address} {request.client}",
            group_id=group_of(address),
            context=read.text[:known],
            clamps=request.cells,
            prompt_clamps=read.unread_clamps(known),
        )
        steps = _followed(read.served, submit, preparing, address, read=len(text), length=length)
        sequence = await anext(steps)
        shows_bits = self.services.registry.site.lenses
        reply = RunningReply(request, sequence, address, shows_bits=shows_bits)
        self._replies[request.id] = reply
        task = asyncio.create_task(reply.run(steps, key, self.states, preparing))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return reply

    def end(self, reply: RunningReply) -> None:
        """Ends a reply whose connection has ended."""
        reply.stop()
        if self._replies.get(reply.request.id) is reply:
            del self._replies[reply.request.id]


def check_words(served: LoadedModel, text: str, *, begin: int = 0) -> Generator[None, None, None]:
    """Refuses a text in which a blocked word ends after its first characters. The message does not repeat the word.

    Yields every few thousand characters: a text of 20,000 takes 0.1 s.

    Raises:
        RefusalError: the text has a blocked word.
    """
    if not served.engine.blocked or begin >= len(text):
        return
    watch = served.engine.blocked.watch(text[:begin])
    for start in range(begin, len(text), _SLICE):
        if any(watch.add(character) for character in text[start : start + _SLICE]):
            break
        yield
    if watch.end():
        raise RefusalError("refusal.blocked_word", field="prompt")


async def _followed(
    served: LoadedModel, submit: Callable[[], Sequence], workers: Workers, address: str, *, read: int, length: int
) -> AsyncGenerator[Sequence, None]:
    """Submits a reply, and yields its sequence whenever a reader should get an update.

    That is at once, at the first character, at intervals, and at the end. The reply is aborted when the iteration ends,
    also by an exception in the reader. It counts for the limits of its address.

    Args:
        submit: calls ``Engine.add_request``.
        workers: the threads in which it is called.
        read, length: how many characters the reply reads and may write.

    Raises:
        RefusalError: the address is over a limit, the queue is full, or the engine has stopped.
    """
    written, shown, began = 0, -1, time.monotonic()
    sequence: Sequence | None = None
    with workers.limiter.reply(address, read + length):
        try:
            sequence = await workers.run(address, submit)
            del submit  # the engine frees what it has read of its arguments, and the reply may take minutes
            updated_at = began
            while True:
                finished, written, now = sequence.finished, sequence.length, time.monotonic()
                if finished or written != shown or now - updated_at >= _KEEPALIVE_S:
                    shown, updated_at = written, now
                    yield sequence
                if finished:
                    if isinstance(sequence.cause, EngineBusyError):  # it has made room for a reply of another address
                        raise RefusalError("refusal.queue_full")
                    return
                # The thread may end right after the reply.
                ended = not served.thread.is_alive() and not sequence.finished
                if ended or now - began > DEADLINE_S + _GRACE_S:
                    raise RefusalError("refusal.no_answer")
                await asyncio.sleep(_pause(served, written, now - began))
        except EngineBusyError:  # perhaps a newer commit has just replaced it
            raise RefusalError("refusal.just_updated" if served.newer else "refusal.queue_full") from None
        finally:
            if sequence:
                written = sequence.length
                served.engine.abort(sequence)
            workers.limiter.give_back(address, length - written)


def _pause(served: LoadedModel, length: int, elapsed_s: float) -> float:
    if not length:
        return _FIRST_S if elapsed_s < 1 else _BETWEEN_S
    return min(_SLOWEST_S, max(_BETWEEN_S, served.engine.running * _UPDATE_S))


class EventStream(StreamingResponse):
    """A response of server-sent events. ``at_end`` is called when it ends, also when the client disconnects."""

    media_type = "text/event-stream"

    def __init__(self, messages: AsyncIterator[str], at_end: Callable[[], None] = lambda: None) -> None:
        super().__init__(messages, headers=_STREAM_HEADERS)
        self._at_end = at_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:  # not in the generator, because one that was never started does not run its finally
            await super().__call__(scope, receive, send)
        finally:
            self._at_end()


def event(position: int, **fields: object) -> str:
    """Returns a server-sent event, whose id is the number of characters of the reply so far."""
    # Only ASCII carries half of a surrogate pair.
    data = json.dumps(fields, ensure_ascii=True, separators=(",", ":"))
    return f"id: {position}\ndata: {data}\n\n"
