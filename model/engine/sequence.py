"""One reply: what was asked, what is written so far, and why it ended. Written by the engine, read by anyone."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Literal

from ..clamps import Clamps
from ..lstm import LSTMState
from ..settings import SamplingParams
from ..tokenizer import UnknownCharacter
from .blocked_words import Watch

FinishReason = Literal["length", "stop", "blocked", "abort", "time", "error"]


@dataclass(frozen=True)
class Memory:
    """All that is needed to go on writing: the state, and the last character, which it has not read yet."""

    state: LSTMState  # of one row, (L, 1, H)
    last_id: int


@dataclass(eq=False)
class Sequence:
    """One reply: waiting, running or finished.

    Attributes:
        params: how it is written.
        draw_offset: the number, since the seed was set, of its first character.
        chars_per_second: characters a second; None is as fast as it can.
        clamps: the cells that are held while it is written, from the step that draws its first character on.
        unknown: the prompt's characters that the model does not know; they were skipped.
        finish_reason: None while it is written.
        error: what went wrong, when that is why it ended.
        memory: where to go on from, once it is finished; None if its prompt was not read to the end.
        watch: keeps words that are blocked from its readers; the reply ends before one.
    """

    params: SamplingParams
    draw_offset: int = 0
    chars_per_second: float | None = None
    deadline: float | None = None  # time.monotonic()
    clamps: Clamps = ()
    unknown: list[UnknownCharacter] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    error: str = ""
    memory: Memory | None = None
    started_at: float = 0.0  # time.monotonic() of the first character
    ended_at: float = 0.0
    aborted: bool = False
    picked: bool = False  # whether its last character was not drawn, but given by someone
    watch: Watch | None = None
    _characters: list[str] = field(default_factory=list)
    _released: int = 0  # characters that a reader may have: not those that may turn out to be the stop text, or a word
    _places: deque[tuple[int, Memory]] = field(default_factory=deque)  # where a word may have begun

    @property
    def finished(self) -> bool:
        return self.finish_reason is not None

    @property
    def length(self) -> int:
        """How many characters a reader may have so far."""
        return self._released

    @property
    def text(self) -> str:
        """What is written so far, without the prompt and without the stop text."""
        return self.since(0)

    def since(self, position: int) -> str:
        """What is written from a position on. Safe to call while another thread writes."""
        return "".join(self._characters[position : self._released])

    @property
    def next_draw_offset(self) -> int:
        """The number of the character after its last: ``draw_offset`` of a reply that goes on from its memory."""
        return self.draw_offset + len(self._characters)

    @property
    def measured_chars_per_second(self) -> float:
        """Of the time from the first character to the last."""
        seconds = (self.ended_at or time.monotonic()) - self.started_at
        return self._released / seconds if self.started_at and seconds > 0 else 0.0

    def end_reason(self, now: float) -> FinishReason | None:
        """Why it ends before its next character, if it does."""
        if self.aborted:
            return "abort"
        return "time" if self.deadline is not None and now >= self.deadline else None

    def append(self, character: str) -> FinishReason | None:
        """Takes the next character; returns why the reply ends with it, if it does."""
        self._characters.append(character)
        stop, written = self.params.stop, len(self._characters)
        held = 0
        if stop:
            tail = "".join(self._characters[-len(stop) :])
            held = next(n for n in range(min(len(stop), written), -1, -1) if tail.endswith(stop[:n]))
        if self._blocks(written - held):
            return "blocked"
        if stop and held == len(stop):
            return "stop"
        return "length" if written >= self.params.length else None

    def save_memory(self, memory: Memory) -> None:
        """Where to go on from after the character that was appended last, if a word that is blocked follows it."""
        while self._places and self._places[0][0] < self._released:
            self._places.popleft()
        self._places.append((len(self._characters), memory))

    def truncated(self, length: int, memory: Memory, *, last: str = "") -> Sequence:
        """A reply of its first characters, which ended there.

        Args:
            length: how many, from 1 on.
            memory: where to go on from after them.
            last: what stands there instead of the last of them; "" leaves it.
        """
        params = replace(self.params, length=length)
        kept = Sequence(
            params,
            self.draw_offset,
            clamps=self.clamps,
            unknown=self.unknown,
            started_at=self.started_at,
            picked=bool(last),
        )
        kept._characters = [*self._characters[: length - 1], last or self._characters[length - 1]]
        kept.finish("length", memory)
        return kept

    def concatenated(self, more: Sequence) -> Sequence:
        """This reply and one that went on from it with the same settings, as the one that is both."""
        params = replace(self.params, length=self.length + more.length)
        both = Sequence(params, self.draw_offset, clamps=self.clamps, unknown=self.unknown)
        both._characters = [*self.text, *more.text]
        both.finish(more.finish_reason or "abort", more.memory)
        return both

    def finish(self, reason: FinishReason, memory: Memory | None) -> None:
        """Ends it. The reason is set last: whoever sees it may read all the rest."""
        self.ended_at = time.monotonic()
        if reason not in ("stop", "blocked"):  # what was held back for a stop text that never came
            self._blocks(len(self._characters))
        if self.watch and self.watch.end():
            self._released = self.watch.free
            del self._characters[self._released :]  # as if it had ended there
            memory = next((place for at, place in self._places if at == self._released), None)
            reason = reason if self.error else "blocked"
        elif self.watch:
            self._released = self.watch.length
        self.memory = memory
        self.finish_reason = reason

    def _blocks(self, end: int) -> bool:
        """Lets readers have the characters up to an end, but no word that is blocked; returns whether one is there."""
        if self.watch is None:
            self._released = end
            return False
        for character in self._characters[self.watch.length : end]:
            self.watch.add(character)
        self._released = self.watch.free
        return self.watch.found
