"""The replies that are being written. Each has one reader, which may lose its connection and connect again.

A reply continues for ``RETURN_S`` seconds without a reader. Then it ends, and its state is cached: a reader that
connects later requests the rest, which is the same text.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from model import Memory, Sequence

from ..access.clients import group_of
from ..access.limits import Limiter
from ..access.workers import Workers
from ..conversation.progress import check_words, follow, submit
from ..conversation.read_text import ReadText
from ..conversation.states import States
from ..messages import Message, RefusalError
from .requests import HEADERS, WriteRequest

log = logging.getLogger("char-lstm")

RETURN_S = 15.0
# x-accel-buffering: a proxy must not collect messages and send them together.
_STREAM_HEADERS = {**HEADERS, "x-accel-buffering": "no"}
_MESSAGE_S = 0.0008  # seconds of server time per message: with more readers, each gets fewer messages


class RunningReply:
    """One reply, followed from its start to its end.

    Args:
        request: the request for the reply.
        digest: identifies the text: a request with the same digest gets the same reply.
        sequence: the engine's sequence, which holds the reply after ``request.received``.
        client_id: the client, for the limit of replies.
        address: the client's address.

    Attributes:
        ended: whether the text is complete and the state cached.
        delivered: whether a reader has received the end.
    """

    def __init__(self, request: WriteRequest, digest: str, sequence: Sequence, *, client_id: str, address: str) -> None:
        self.request = request
        self.digest = digest
        self.client_id = client_id
        self.address = address
        self.ended = self.delivered = False
        self._sequence = sequence
        self._failure: Message | None = None
        self._reader: asyncio.Event | None = None  # of the current reader; set when there may be an event for it
        self._timer: asyncio.TimerHandle | None = None

    @property
    def has_reader(self) -> bool:
        """Whether a reader is connected."""
        return self._reader is not None

    @property
    def unwritten(self) -> int:
        """The number of characters that the reply may still get."""
        return self._sequence.params.length - self._sequence.length

    @property
    def text(self) -> str:
        """The reply so far, with what was received before."""
        return self.request.received + self._sequence.text

    def stop(self) -> None:
        """Ends the reply before its next character."""
        self.request.before.served.engine.abort(self._sequence)

    async def run(self, read: ReadText, states: States) -> None:
        """Follows the reply to its end and caches its state.

        Args:
            read: the text that the model reads before the first character of the sequence.
            states: the cache of states.
        """
        sequence, group = self._sequence, group_of(self.address)
        try:
            async with aclosing(follow(read.served, sequence, message_s=_MESSAGE_S)) as steps:
                async for _ in steps:
                    self._notify()
        except RefusalError as refusal:
            self._failure = refusal.message
        except Exception:
            log.exception("a reply could not be followed")
            self._failure = Message("fault.reply")
        if sequence.prompt_memory:
            await asyncio.to_thread(states.save, read, sequence.prompt_memory, group)
        if sequence.memory:
            # The memory of a reply that its stop text has ended includes the stop text.
            stop = sequence.params.stop if sequence.finish_reason == "stop" else ""
            whole = await asyncio.to_thread(read.followed_by, sequence.text + stop, self.request.cells)
            await asyncio.to_thread(states.save, whole, sequence.memory, group)
        self.ended = True
        self._notify()

    def connect(self) -> asyncio.Event:
        """Returns a new reader, for `events`; the reader before gets no more events."""
        if self._timer:
            self._timer.cancel()
        self._notify()
        self._reader = asyncio.Event()
        return self._reader

    def disconnect(self, reader: asyncio.Event, expire: Callable[[], None]) -> None:
        """Notes that a reader has disconnected; calls ``expire`` if no reader connects within ``RETURN_S`` seconds."""
        if self._reader is reader:
            self._reader = None
            self._timer = asyncio.get_running_loop().call_later(0 if self.delivered else RETURN_S, expire)

    async def events(self, reader: asyncio.Event, position: int) -> AsyncIterator[str]:
        """Yields the server-sent events of the reply for a page, while the reader is the newest.

        Args:
            reader: from ``connect``.
            position: the number of characters that the reader has already.
        """
        empty = 0
        async for piece in self.pieces(reader, position):
            position += len(piece)
            if piece:
                yield event(position, text=piece)
                continue
            empty += 1
            if empty > 1 and not self._sequence.length and not self.ended:  # the second is a second after the first
                yield event(position, status=[self._queue_status().as_json()])
        if self.delivered and self._reader is reader:
            yield self._ending(position)

    async def pieces(self, reader: asyncio.Event, position: int) -> AsyncIterator[str]:
        """Yields the next characters of the reply until its end, while the reader is the newest; "" while it waits."""
        while self._reader is reader:
            reader.clear()
            ended, piece = self.ended, self.text[position:]  # in this order: once it has ended, the text is complete
            position += len(piece)
            if piece or not ended:
                yield piece
            if ended:
                self.delivered = True
                return
            await reader.wait()

    @property
    def error(self) -> Message | None:
        """Why the reply has failed; None if it has not."""
        error = self._sequence.error
        return self._failure or (Message("fault.model", error=error) if error else None)

    @property
    def finish_reason(self) -> str:
        """Why the reply has ended; "" while it is written."""
        return self._sequence.finish_reason or ""

    def _notify(self) -> None:
        if self._reader:
            self._reader.set()

    def _queue_status(self) -> Message:
        """Returns why the reply has not started: it is in the queue, or its prompt is being read."""
        others = self.request.before.served.engine.queue_position(self._sequence)
        return Message("status.queue", count=others) if others else Message("status.soon")

    def _ending(self, position: int) -> str:
        sequence, error = self._sequence, self.error
        measured = sequence.length > 1 and sequence.started_at
        rate = round(sequence.measured_chars_per_second) if measured else None
        reason = "error" if error else sequence.finish_reason
        return event(position, end=reason, error=error.as_json() if error else None, rate=rate)


class RunningReplies:
    """The replies that have not ended, and those whose end no reader has received yet.

    Args:
        states: the cache of states.
        limiter: counts what each address uses.
        preparing: the threads that read requests.
    """

    def __init__(self, states: States, limiter: Limiter, preparing: Workers) -> None:
        self._states = states
        self._limiter = limiter
        self._preparing = preparing
        self._replies: dict[str, RunningReply] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def remaining_characters(self) -> int:
        """The number of characters that the replies in progress may still get."""
        replies = [reply for reply in list(self._replies.values()) if not reply.ended]  # Ray reads it in a thread
        return sum(reply.request.params.length - len(reply.text) for reply in replies)

    def find(self, id: str, digest: str, received: str) -> RunningReply | None:
        """Returns the reply with an id, if it has the digest and begins with the text that the page has; else None."""
        reply = self._replies.get(id)
        return reply if reply and reply.digest == digest and reply.text.startswith(received) else None

    def stop(self, id: str) -> bool:
        """Ends a reply before its next character; returns whether it was being written."""
        reply = self._replies.get(id)
        if reply:
            reply.stop()
        return reply is not None

    async def start(self, request: WriteRequest, digest: str, address: str) -> RunningReply:
        """Starts a reply.

        Raises:
            RefusalError: the text contains a blocked word, or there are too many replies.
        """
        client_id = f"{address} {request.client}"
        self._make_room(request.id, client_id)
        before = request.before
        read = await self._preparing.run(address, before.followed_by, request.received, request.cells)
        boundaries = (*request.boundaries, len(before.text))
        memory, length = await self._preparing.run(address, self._states.find, read, boundaries)
        if before.served.engine.blocked:
            await self._preparing.run_slices(address, check_words(before.served, read.text, begin=length))
        rest = request.params.length - len(request.received)
        characters = len(read.text) - length + rest
        self._limiter.begin_reply(address, characters)
        try:
            sequence = await asyncio.to_thread(_submit, request, read, memory, length, client_id, group_of(address))
        except BaseException:
            self._limiter.end_reply(address, characters)
            raise
        self._make_room(request.id, client_id)  # again, for a reply that was started meanwhile
        reply = RunningReply(request, digest, sequence, client_id=client_id, address=address)
        self._replies[request.id] = reply
        task = asyncio.create_task(self._run(reply, read))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return reply

    async def _run(self, reply: RunningReply, read: ReadText) -> None:
        try:
            await reply.run(read, self._states)
        finally:
            self._limiter.end_reply(reply.address, reply.unwritten)

    def expire(self, reply: RunningReply) -> None:
        """Ends a reply and removes it."""
        reply.stop()
        if self._replies.get(reply.request.id) is reply:
            del self._replies[reply.request.id]

    def _make_room(self, id: str, client_id: str) -> None:
        """Ends the reply with an id, and those replies of a client that have no reader: it requests another one now."""
        for reply in list(self._replies.values()):
            if reply.request.id == id or (reply.client_id == client_id and not reply.has_reader):
                self.expire(reply)


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


def _submit(
    request: WriteRequest, read: ReadText, memory: Memory | None, length: int, client_id: str, group_id: str
) -> Sequence:
    """Submits the rest of a reply to the engine; the model has read the first ``length`` characters of the text."""
    received = request.received
    return submit(
        read.served,
        read.text[length:],
        replace(request.params, length=request.params.length - len(received)),
        memory=memory,
        draw_offset=request.draw_offset + len(received),
        chars_per_second=request.chars_per_second,
        client_id=client_id,
        group_id=group_id,
        context=read.text[:length],
        clamps=request.cells,
        prompt_clamps=read.unread_clamps(length),
    )


def event(position: int, **fields: object) -> str:
    """Returns a server-sent event, whose id is the number of characters of the reply so far."""
    # Only ASCII carries half of a surrogate pair.
    data = json.dumps(fields, ensure_ascii=True, separators=(",", ":"))
    return f"id: {position}\ndata: {data}\n\n"
