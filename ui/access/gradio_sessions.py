"""Deletes the sessions of Gradio's queue whose results no client reads.

Gradio keeps the messages of a call until its client reads them, for up to 2,000 sessions, and never deletes the ids of
a session's calls. A result of /score takes a megabyte.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from gradio import Blocks
from gradio.server_messages import ProcessCompletedMessage

log = logging.getLogger("char-lstm")

UNREAD_S = 60.0  # after the last call of a session has ended
SWEEP_S = 5.0  # between two sweeps
MAX_SESSIONS = 200  # without a reader; of more, those that were used last are kept
MAX_UNREAD = 8  # messages of a session without a reader; the last one has the result


class GradioSessions:
    """The sessions of the queue. Belongs to one event loop.

    Args:
        blocks: the Gradio app.
    """

    def __init__(self, blocks: Blocks) -> None:
        self._queue = blocks._queue
        self._readers: Counter[str] = Counter()
        self._unread_since: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def reading(self, session: str) -> Iterator[None]:
        """Keeps the messages of a session inside the context; they are deleted at its end if all of them were read."""
        self._readers[session] += 1
        try:
            yield
        finally:
            self._readers[session] -= 1
            if not self._readers[session]:
                del self._readers[session]
                if self._is_read(session):
                    self._delete(session)

    def sweep(self) -> None:
        """Deletes the sessions whose calls have ended and whose messages were not read for ``UNREAD_S`` seconds."""
        queue, now = self._queue, time.monotonic()
        # In the order of their creation, which decides between sessions of the same sweep.
        sessions = dict.fromkeys([*queue.pending_messages_per_session, *queue.pending_event_ids_session])
        for session in self._unread_since.keys() - sessions.keys():
            del self._unread_since[session]
        for session in sessions:
            if self._readers[session]:
                self._unread_since.pop(session, None)
                continue
            self._shorten(session)
            if self._is_running(session):
                self._unread_since.pop(session, None)
                continue
            if now - self._unread_since.setdefault(session, now) >= UNREAD_S:
                self._delete(session)
        for session in sorted(self._unread_since, key=self._unread_since.__getitem__)[:-MAX_SESSIONS]:
            self._delete(session)

    def _is_running(self, session: str) -> bool:
        running = self._queue.event_ids_to_events
        return any(event in running for event in self._queue.pending_event_ids_session.get(session, ()))

    def _is_read(self, session: str) -> bool:
        """Returns whether all messages of a session were read and none can follow."""
        messages = self._queue.pending_messages_per_session.get(session)
        return not self._is_running(session) and (messages is None or messages.empty())

    def _shorten(self, session: str) -> None:
        """Deletes the oldest messages of a session, all but ``MAX_UNREAD``."""
        messages = self._queue.pending_messages_per_session.get(session)
        while messages is not None and messages.qsize() > MAX_UNREAD:
            message = messages.get_nowait()
            if isinstance(message, ProcessCompletedMessage) and message.event_id:
                # A reader's stream ends once it has got the end of every call.
                self._queue.pending_event_ids_session.get(session, set()).discard(message.event_id)

    def _delete(self, session: str) -> None:
        self._unread_since.pop(session, None)
        if session in self._queue.pending_messages_per_session:
            del self._queue.pending_messages_per_session[session]
        self._queue.pending_event_ids_session.pop(session, None)

    def start(self) -> None:
        """Starts to sweep every ``SWEEP_S`` seconds while the queue runs; does nothing if that was started before."""
        if self._task is None:
            self._task = asyncio.create_task(self._sweep_periodically())

    async def _sweep_periodically(self) -> None:
        while not self._queue.stopped:
            await asyncio.sleep(SWEEP_S)
            try:
                self.sweep()
            except Exception:
                log.exception("unread results of the queue could not be removed")
