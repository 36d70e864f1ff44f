"""A request: a sequence, with its slot, its unread characters and its random numbers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from ..backends.backend import Backend, Indices
from ..clamps import Clamps
from ..int8.sampling import Randomness
from ..lstm import LSTMState
from .language_model import LanguageModel
from .sequence import Memory, Sequence


@dataclass(eq=False, kw_only=True)
class Request:
    """A sequence that waits or runs.

    Attributes:
        sequence: the reply.
        start: the state before its first unread character.
        unread: ids to read; the character after the last one is drawn.
        unread_clamps: the cells that are clamped in the step that reads each unread id; empty if there are none.
        randomness: the random numbers of its seed.
        client_id, group_id: see `Engine.add_request`.
        slot: its slot in the backend; -1 while it waits.
        due_at: the time.monotonic() of its next step.
    """

    sequence: Sequence
    start: LSTMState
    unread: deque[int]
    randomness: Randomness
    unread_clamps: deque[Clamps] = field(default_factory=deque)
    client_id: str = ""
    group_id: str = ""
    slot: int = -1
    due_at: float = 0.0

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

    @property
    def next_number(self) -> int:
        """The random number of the next character; 0 while the prompt is read."""
        return self.randomness.number(self.sequence.next_draw_offset) if self.prompt_is_read else 0

    def next_numbers(self, count: int) -> list[int]:
        """Returns the random numbers of the next characters of a reply."""
        return self.randomness.numbers(self.sequence.next_draw_offset, count)

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
