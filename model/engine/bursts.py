"""Bursts: several characters of each reply in one call of the backend.

With one call for each character, the calls take a fifth of the time of a single reply. A burst has the same characters,
but they arrive together, and new requests and aborts wait for its end. So a burst takes at most `_MAX_S`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ..backends.backend import Backend
from ..lstm import LSTMState
from ..settings import SamplingParams
from .request import Request, slots_and_ids

MAX_CHARACTERS = 32  # longer bursts save less than 1 %
_MAX_S = 0.02
_NO_DRAW = SamplingParams(temperature=0, seed=0)  # for a prompt, after which no character is drawn yet


class Drawn(NamedTuple):
    """The next characters of a reply, until the backend runs again."""

    ids: list[int]  # the characters
    bits: list[float]  # their surprisals
    state: Callable[[int], LSTMState]  # returns the state before the character at a position is read


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
        numbers = [request.next_numbers(length) for request in requests]
        clamps = [request.next_clamps for request in requests]
        began = time.perf_counter()
        ids, bits = backend.write(*slots_and_ids(requests), params, numbers, clamps if any(clamps) else ())
        self._character_s = (time.perf_counter() - began) / length
        return [
            (request, Drawn(ids[row], bits[row], partial(backend.written_state, request.slot, row)))
            for row, request in enumerate(requests)
        ]
