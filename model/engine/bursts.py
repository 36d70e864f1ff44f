"""Bursts: several characters of each reply in one call of the backend.

With one call for each character, the calls take a fifth of the time of a single reply. A burst has the same characters,
but they arrive together, and new requests and aborts wait for its end. So a burst takes at most `_MAX_S`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

from ..backends.backend import Backend
from ..lstm import LSTMState
from ..settings import SamplingParams
from .blocked_words import BlockedWords
from .request import Request, slots_and_ids
from .sequence import FinishReason, Memory

MAX_CHARACTERS = 32  # longer bursts save less than 1 %
_MAX_S = 0.02
_NO_DRAW = SamplingParams(temperature=0, seed=0)  # for a prompt, after which no character is drawn yet


class Drawn(NamedTuple):
    """The next characters of a reply, until the backend runs again.

    Attributes:
        ids: the characters.
        backend: the backend that drew them.
        slot: the slot of the reply in the backend.
        row: the position of the reply among those of the burst.
    """

    ids: list[int]
    backend: Backend
    slot: int
    row: int

    def state(self, position: int) -> LSTMState:
        """Returns the state before one of the characters is read."""
        return self.backend.state(self.slot) if len(self.ids) == 1 else self.backend.written_state(self.row, position)


class Bursts:
    """Chooses the length of bursts, and runs them."""

    def __init__(self) -> None:
        self._character_s = math.inf  # seconds for one character of each reply, in the last call

    def length(self, due: list[Request], running: list[Request], backend: Backend, now: float) -> int:
        """Returns how many characters can be drawn for each request that is due.

        It is 1 while a prompt is read, and for replies with a speed limit. A burst ends before the next of these is
        due, and with the first reply that reaches its length.
        """
        if not due or any(not request.prompt_is_read or request.sequence.chars_per_second for request in due):
            return 1
        next_due = min((request.due_at for request in running if request.due_at > now), default=math.inf)
        in_time = int(min(_MAX_S, next_due - now) / self._character_s)
        left = min(request.sequence.remaining for request in due)
        return max(1, min(MAX_CHARACTERS, in_time, left, backend.most_characters(len(due))))

    def draw(self, requests: list[Request], backend: Backend, length: int) -> list[tuple[Request, Drawn]]:
        """Draws a burst for each request; of a prompt that is not read yet, reads a character instead."""
        params = [request.sequence.params if request.prompt_is_read else _NO_DRAW for request in requests]
        clamps = [request.next_clamps for request in requests]
        active = clamps if any(clamps) else ()
        began = time.perf_counter()
        if length == 1:
            numbers = [request.next_number for request in requests]
            drawn = [[id_] for id_ in backend.decode(*slots_and_ids(requests), params, numbers, active)]
        else:
            streams = [request.next_numbers(length) for request in requests]
            drawn = backend.write(*slots_and_ids(requests), params, streams, active)
        self._character_s = (time.perf_counter() - began) / length
        return [
            (request, Drawn(ids, backend, request.slot, row))
            for row, (request, ids) in enumerate(zip(requests, drawn, strict=True))
        ]


def add_characters(
    request: Request, drawn: Drawn, vocab: Sequence[str], blocked: BlockedWords
) -> tuple[int, FinishReason | None, LSTMState | None]:
    """Adds the characters of a burst to a reply, up to the one with which it ends.

    Returns:
        the number of added characters; the finish reason, or None; and with a reason, the state before the last added
        character is read.
    """
    sequence, ids = request.sequence, drawn.ids
    if not sequence.holds_back:
        request.unread[0] = ids[-1]
        reason = sequence.extend([vocab[id_] for id_ in ids])
        return len(ids), reason, drawn.state(len(ids) - 1) if reason else None
    for position, id_ in enumerate(ids):
        request.unread[0] = id_
        if reason := sequence.append(vocab[id_]):
            return position + 1, reason, drawn.state(position)
        if sequence.watch and blocked.may_follow(vocab[id_]):
            sequence.save_memory(Memory(drawn.state(position), id_))
    return len(ids), None, None
