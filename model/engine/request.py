"""A request: a sequence, with its slot, its unread characters and its random numbers; and which request gets a slot."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

from ..backends.backend import Backend, Indices
from ..clamps import Clamps, Stretches, clamps_at
from ..int8.sampling import Randomness
from ..lstm import LSTMState
from .blend import LanguageModel
from .sequence import Memory, Sequence


@dataclass(eq=False)
class Request:
    """A sequence that waits or runs."""

    sequence: Sequence  # the reply
    start: LSTMState  # the state before its first unread character, while it has no slot
    # Ids to read, the next one last; the character after the first one is drawn
    unread: array[int]  # a list of them would take twice the memory, and a prompt may wait for minutes
    # The cells that are clamped while they are read, each from -1 times a number of unread ids on
    unread_clamps: Stretches
    # See `Engine.add_request`; a value of its own for ""
    client_id: object
    group_id: object
    slot: int = -1  # its slot in the backend; -1 while it waits
    due_at: float = 0.0  # the time.monotonic() of its next step

    def __post_init__(self) -> None:
        self._randomness = Randomness(self.sequence.params.seed)

    @property
    def prompt_is_read(self) -> bool:
        """Whether its next character can be drawn."""
        return len(self.unread) == 1

    @property
    def next_clamps(self) -> Clamps:
        """The cells that are clamped in the step that reads the next character."""
        if self.prompt_is_read:
            return self.sequence.clamps
        return clamps_at(self.unread_clamps, -len(self.unread))

    def next_numbers(self, count: int) -> list[int]:
        """Returns the random numbers of the next characters of a reply; zeros while the prompt is read."""
        if not self.prompt_is_read:
            return [0] * count
        return self._randomness.numbers(self.sequence.next_draw_offset, count)

    def advance(self, backend: Backend) -> None:
        """Removes the next character of the prompt, which the backend has read."""
        self.unread.pop()
        if self.prompt_is_read:
            self.unread_clamps = ()
            self.sequence.prompt_memory = Memory(backend.state(self.slot), self.unread[-1])

    def memory(self, backend: Backend, state: LSTMState | None = None) -> Memory | None:
        """Returns the memory from which the next reply continues; None if the prompt is not read to its end.

        `state` is given if the backend has read more characters since.
        """
        if not self.prompt_is_read:
            return None
        return Memory(state or (self.start if self.slot < 0 else backend.state(self.slot)), self.unread[-1])


def start_of(lm: LanguageModel, prompt: str, memory: Memory | None) -> tuple[LSTMState, Indices, Indices]:
    """Returns the state before the first unread character, and the unread ids with their positions in the prompt."""
    zeros = LSTMState.zeros(lm.config, device=lm.device)
    ids = lm.tokenizer.lookup(prompt)
    known = np.flatnonzero(ids >= 0)
    if memory is not None:
        memory.check(zeros, len(lm.tokenizer))
        return memory.state, np.append(memory.last_id, ids[known]), np.append(-1, known)
    return (zeros, ids[known], known) if len(known) else (zeros, np.array([lm.tokenizer.start_id]), np.array([-1]))


def slots_and_ids(requests: list[Request]) -> tuple[Indices, Indices]:
    """Returns the slots of requests and the next character that each reads, (B,) int64 each."""
    slots = np.array([request.slot for request in requests], np.int64)
    return slots, np.array([request.unread[-1] for request in requests], np.int64)


def admissible(
    running: SequenceOf[Request], waiting: SequenceOf[Request], max_slots: int, max_each: int, now: float
) -> list[tuple[Request, Request | None]]:
    """Returns the waiting requests that can get a slot now, each with the reply that gives its slot up; None if none.

    First come the requests of the groups and clients with the fewest replies. If no slot is free, a reply that is not
    due gives its slot up, the one that is due last. If all are due, the newest reply of the group with the most slots
    does, if it has more than the other group will have; or as many, and the reply is a later one of its group or newer.

    Args:
        waiting: the requests without a slot, oldest first; those that gave a slot up are before the others.
        max_each: the replies that one client may have, with those that gave a slot up.
    """
    admitted: list[tuple[Request, Request | None]] = []
    if not waiting:
        return admitted
    begun = [*running, *(request for request in waiting if request.sequence.started_at)]
    of_client = Counter(request.client_id for request in begun)
    slots_of_group = Counter(request.group_id for request in running)
    of_group: Counter[object] = Counter()
    older: dict[Request, int] = {}  # how many replies of its group are older
    for request in sorted(begun, key=lambda request: request.sequence.added_at):
        older[request] = of_group[request.group_id]
        of_group[request.group_id] += 1
    holding = sorted(running, key=lambda request: request.due_at)

    def load(request: Request) -> tuple[int, int, float]:
        return slots_of_group[request.group_id], older[request], request.sequence.added_at

    def load_with(request: Request) -> tuple[int, int, float, int]:
        slots, replies = slots_of_group[request.group_id] + 1, of_client[request.client_id]
        if request in older:
            return slots, older[request], request.sequence.added_at, replies
        return slots, of_group[request.group_id], math.inf, replies + 1

    # Among equal requests the oldest is first. The load in an entry may be outdated.
    order = [(load_with(request), at, request) for at, request in enumerate(waiting) if request.due_at <= now]
    heapify(order)
    while order:
        before, at, first = heappop(order)
        if (current := load_with(first)) != before:
            heappush(order, (current, at, first))
            continue
        if current[-1] > max_each:
            continue
        giver = None
        if len(admitted) >= max_slots - len(running):
            all_are_due = not holding or holding[-1].due_at <= now
            giver = max(holding, key=load, default=None) if all_are_due else holding[-1]
            if giver is None or (all_are_due and load(giver) <= current[:3]):
                break
            holding.remove(giver)
            slots_of_group[giver.group_id] -= 1
        admitted.append((first, giver))
        slots_of_group[first.group_id] += 1
        if first not in older:
            of_client[first.client_id] += 1
            of_group[first.group_id] += 1
    return admitted


def one_too_many(last: Request, others: SequenceOf[Request], most: int, most_each: int) -> tuple[Request | None, str]:
    """Returns the request that must end so that a new one can wait, and why; None if all can wait.

    It is the new one if too many requests of its client are unfinished. If too many of all clients are, it is the
    newest of the group with the most requests, which may be the new one.

    Args:
        others: the other unfinished requests, newest first; those that wait are before those that run.
        most: how many requests may be unfinished.
    """
    if (of_client := sum(request.client_id == last.client_id for request in others)) >= most_each:
        return last, f"{of_client} requests of the client are unfinished"
    if len(others) < most:
        return None, ""
    of_group = Counter(request.group_id for request in (last, *others))
    ending = max((last, *others), key=lambda request: of_group[request.group_id])  # of equal ones the first
    return ending, f"{len(others)} requests are unfinished"
