"""A request: a sequence, with its slot, its unread characters and its random numbers; and which request gets a slot."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

from ..backends.backend import Backend, Indices
from ..clamps import Clamps
from ..int8.sampling import Randomness
from ..lstm import LSTMState
from .language_model import LanguageModel
from .sequence import Memory, Sequence


@dataclass(eq=False)
class Request:
    """A sequence that waits or runs.

    Attributes:
        sequence: the reply.
        start: the state before its first unread character.
        unread: ids to read; the character after the last one is drawn.
        unread_clamps: the cells that are clamped in the step that reads each unread id; empty if there are none.
        client_id, group_id: see `Engine.add_request`.
        slot: its slot in the backend; -1 while it waits.
        due_at: the time.monotonic() of its next step.
    """

    sequence: Sequence
    start: LSTMState
    unread: deque[int]
    unread_clamps: deque[Clamps]
    client_id: str
    group_id: str
    slot: int = -1
    due_at: float = 0.0

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
        return self.unread_clamps[0] if self.unread_clamps else ()

    def next_numbers(self, count: int) -> list[int]:
        """Returns the random numbers of the next characters of a reply; zeros while the prompt is read."""
        if not self.prompt_is_read:
            return [0] * count
        return self._randomness.numbers(self.sequence.next_draw_offset, count)

    def advance(self, backend: Backend) -> None:
        """Removes the next character of the prompt, which the backend has read."""
        self.unread.popleft()
        if self.unread_clamps:
            self.unread_clamps.popleft()
        if self.prompt_is_read:
            self.sequence.prompt_memory = Memory(backend.state(self.slot), self.unread[0])

    def memory(self, backend: Backend, state: LSTMState | None = None) -> Memory | None:
        """Returns the memory from which the next reply continues; None if the prompt is not read to its end.

        Args:
            backend: the backend that has the state.
            state: the state, if the backend has read more characters since.
        """
        if not self.prompt_is_read:
            return None
        return Memory(state or (self.start if self.slot < 0 else backend.state(self.slot)), self.unread[0])


def start_of(lm: LanguageModel, prompt: str, memory: Memory | None) -> tuple[LSTMState, list[int], list[int]]:
    """Returns the state before the first unread character, and the unread ids with their positions in the prompt."""
    zeros = LSTMState.zeros(lm.config, device=lm.device)
    ids = lm.tokenizer.lookup(prompt)
    known = np.flatnonzero(ids >= 0)
    unread, positions = ids[known].tolist(), known.tolist()
    if memory is not None:
        memory.check(zeros, len(lm.tokenizer))
        return memory.state, [memory.last_id, *unread], [-1, *positions]
    return (zeros, unread, positions) if unread else (zeros, [lm.tokenizer.start_id], [-1])


def slots_and_ids(requests: list[Request]) -> tuple[Indices, Indices]:
    """Returns the slots of requests and the next character that each reads, (B,) int64 each."""
    slots = np.array([request.slot for request in requests], np.int64)
    return slots, np.array([request.unread[0] for request in requests], np.int64)


def admissible(
    running: SequenceOf[Request], waiting: SequenceOf[Request], max_slots: int, max_each: int
) -> list[Request]:
    """Returns the waiting requests that can get a slot now: first those of clients with the fewest replies.

    Args:
        running: the requests that have a slot.
        waiting: the requests without a slot, oldest first.
        max_slots: the slots of all clients together.
        max_each: the slots that one client may have.
    """
    admitted: list[Request] = []
    free_slots = max_slots - len(running)
    if not waiting or free_slots <= 0:
        return admitted
    of_client = Counter(request.client_id for request in running if request.client_id)
    of_group = Counter(request.group_id for request in running if request.group_id)

    def replies(request: Request) -> tuple[int, int]:
        return of_group[request.group_id], of_client[request.client_id]

    # Among equal requests the oldest is first. The number of replies in an entry may be outdated.
    order = [(replies(request), at, request) for at, request in enumerate(waiting)]
    heapify(order)
    while order and len(admitted) < free_slots:
        count, at, first = heappop(order)
        if of_client[first.client_id] >= max_each:
            continue
        if (current := replies(first)) != count:
            heappush(order, (current, at, first))
            continue
        admitted.append(first)
        of_client.update([first.client_id] if first.client_id else [])
        of_group.update([first.group_id] if first.group_id else [])
    return admitted


def reason_to_refuse(last: Request, waiting: SequenceOf[Request], max_waiting: int, max_each: int) -> str:
    """Returns why a request must not wait; "" if it may.

    Args:
        last: the request, which gets no slot now.
        waiting: the others that get none.
        max_waiting: how many requests may wait.
        max_each: how many requests of one client may wait.
    """
    of_client = sum(request.client_id == last.client_id != "" for request in waiting)
    if of_client >= max_each:
        return f"{of_client} requests of the client wait already"
    return f"{len(waiting)} requests wait already" if len(waiting) >= max_waiting else ""
