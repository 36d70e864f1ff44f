"""One reply: its settings, the text so far, and why it ended. The engine changes it; any thread may read it."""

from __future__ import annotations

import threading
import time
from array import array
from dataclasses import dataclass, field
from typing import Literal

from ..clamps import Clamps
from ..lstm import LSTMState
from ..settings import SamplingParams
from ..tokenizer import UnknownCharacter
from .blocked_words import WordWatch

FinishReason = Literal["length", "stop", "blocked", "abort", "time", "error"]

MAX_UNKNOWN = 1_000  # characters that a sequence lists: 100,000 different ones would take 20 MB


@dataclass(frozen=True)
class Memory:
    """Everything that is needed to continue a text.

    Attributes:
        state: (L, 1, H), the state before the last character was read.
        last_id: the id of the last character.
    """

    state: LSTMState
    last_id: int

    def check(self, zeros: LSTMState, vocab_size: int) -> None:
        """Raises ValueError unless it fits a model with the state shape of `zeros` and `vocab_size` characters.

        The compiled loops do not check their indices, so wrong sizes must not reach them.
        """
        if not (self.state.h.shape == self.state.c.shape == zeros.h.shape):
            raise ValueError(f"memory is of shape {list(self.state.h.shape)}: it must be {list(zeros.h.shape)}")
        if not 0 <= self.last_id < vocab_size:
            raise ValueError(f"memory ends with character {self.last_id}: this model has {vocab_size}")


@dataclass(eq=False, kw_only=True)
class Sequence:
    """One reply: waiting, running or finished.

    Attributes:
        params, draw_offset, chars_per_second: as in `Engine.add_request`.
        deadline: the time.monotonic() after which it ends; None is never.
        clamps: the cells that are clamped, from the step that draws its first character on.
        unknown: the characters of the prompt that the model does not have; they were skipped.
        finish_reason: None until it is finished.
        error: what went wrong in one line, if `finish_reason` is "error"; `cause` is the exception, `EngineBusyError`
            if the reply ended to make room for one of another group.
        memory: the memory from which the next reply continues, once it is finished; None if the prompt was not read to
            its end, or if the reply ended with an error or before a blocked word.
        prompt_memory: the memory with which the reply began; None before the prompt is read, and without a prompt.
        added_at: the time.monotonic() of the request.
        started_at, ended_at: the time.monotonic() of the first character and of the end; 0 before.
        aborted: whether it ends before its next character.
        length: the number of characters that clients get so far, without those that may belong to the stop text or to a
            blocked word.
        watch: searches for blocked words; clients get no part of one, and the reply ends before it.
    """

    params: SamplingParams
    draw_offset: int = 0
    chars_per_second: float | None = None
    deadline: float | None = None
    clamps: Clamps = ()
    unknown: list[UnknownCharacter] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    error: str = ""
    cause: Exception | None = None
    memory: Memory | None = None
    prompt_memory: Memory | None = None
    added_at: float = field(default_factory=time.monotonic)
    started_at: float = 0.0
    ended_at: float = 0.0
    aborted: bool = False
    watch: WordWatch | None = None
    length: int = 0
    _characters: list[str] = field(default_factory=list)
    _bits: array[float] = field(default_factory=lambda: array("f"))  # of these characters
    _done: threading.Event = field(default_factory=threading.Event)

    @property
    def finished(self) -> bool:
        """Whether no character will follow."""
        return self.finish_reason is not None

    def wait(self, timeout_s: float) -> bool:
        """Waits until the reply is finished, at most `timeout_s` seconds; returns whether it is finished."""
        return self._done.wait(timeout_s)

    @property
    def text(self) -> str:
        """The reply so far, without the prompt and without the stop text."""
        return self.since(0)

    def since(self, position: int) -> str:
        """Returns the reply so far from a position on. Safe while another thread generates."""
        return "".join(self._characters[position : self.length])

    def bits(self, start: int, end: int) -> list[float]:
        """Returns the surprisals of characters of the reply in bits, see `sampling.surprisal`."""
        return self._bits[start:end].tolist()

    @property
    def next_draw_offset(self) -> int:
        """The `draw_offset` of a reply that continues this one."""
        return self.draw_offset + len(self._characters)

    @property
    def remaining(self) -> int:
        """The number of characters until the reply has its full length."""
        return self.params.length - len(self._characters)

    @property
    def measured_chars_per_second(self) -> float:
        """Characters per second from the first character to the last; 0 before the first."""
        seconds = (self.ended_at or time.monotonic()) - self.started_at
        return self.length / seconds if self.started_at and seconds > 0 else 0.0

    def end_reason(self, now: float) -> FinishReason | None:
        """Returns why the reply ends before its next character; None if it continues. `now` is time.monotonic()."""
        if self.aborted:
            return "error" if self.error else "abort"
        return "time" if self.deadline is not None and now >= self.deadline else None

    def add(self, characters: list[str], bits: list[float]) -> tuple[int, FinishReason | None]:
        """Adds the next characters, at most `remaining`, up to the one with which the reply ends; and their `bits`.

        Returns how many were added, and why the reply ends; None if it continues.
        """
        self._bits.extend(bits)
        if not self.params.stop and self.watch is None:
            self._characters += characters
            self.length = len(self._characters)
            return len(characters), "length" if self.length >= self.params.length else None
        for added, character in enumerate(characters, 1):
            if reason := self._add(character):
                return added, reason
        return len(characters), None

    def _add(self, character: str) -> FinishReason | None:
        """Adds a character of a reply that has a stop text, or that is searched for blocked words."""
        self._characters.append(character)
        stop, length = self.params.stop, len(self._characters)
        matched = 0  # characters at the end that are, or may become, the stop text
        if stop:
            tail = "".join(self._characters[-len(stop) :])
            matched = next(n for n in range(min(len(stop), length), -1, -1) if tail.endswith(stop[:n]))
        if self._release(length - matched):
            return "blocked"
        if stop and matched == len(stop):
            return "stop"
        return "length" if length >= self.params.length else None

    def finish(self, reason: FinishReason, memory: Memory | None) -> None:
        """Ends the reply. The reason is set last: a thread that sees it may read everything else."""
        self.ended_at = time.monotonic()
        if reason not in ("stop", "blocked"):  # releases characters that were held back for the stop text
            self._release(len(self._characters))
        if self.watch and self.watch.end():
            self.length = self.watch.safe_length
            del self._characters[self.length :]  # as if the reply had ended there
            memory = None
            reason = reason if self.error else "blocked"
        elif self.watch:
            self.length = self.watch.length
        self.memory = memory
        self.finish_reason = reason
        self._done.set()

    def _release(self, end: int) -> bool:
        """Releases the characters up to `end` to clients, or up to a blocked word; returns whether one was found."""
        if self.watch is None:
            self.length = end
            return False
        for character in self._characters[self.watch.length : end]:
            self.watch.add(character)
        self.length = self.watch.safe_length
        return self.watch.found
