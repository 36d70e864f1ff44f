"""The engine: everything that writes a character. Many replies at once, each the text it would be alone.

A request waits until a row is free, has its prompt read a few characters at a time, then writes one character
a step until it ends. What is kept between two characters is the LSTM's state, so rows come and go at any
character and a conversation goes on from where it was without reading anything again.

``stream`` and ``generate`` drive an engine of their own; a server runs one in a thread (``run``) for everyone.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import torch

from .char_lstm import CharLSTM
from .lstm import LSTMState
from .sampler import Randomness, SamplingParams, choose, draw_seed
from .tokenizer import UnknownCharacter

FinishReason = Literal["length", "stop", "abort", "time", "error"]
READ_AT_ONCE = 32  # characters of a prompt read between two written characters of everyone else
_CATCH_UP_S = 0.25  # a row that fell further behind its pace does not hurry to make up for it


class EngineBusyError(RuntimeError):
    """As many requests wait as may; try again in a moment. Or the engine has been stopped."""


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
        first: the number, since the seed was set, of its first character.
        pace: characters a second; None is as fast as it can.
        unknown: the prompt's characters that the model does not know; they were skipped.
        finish_reason: None while it is written.
        error: what went wrong, when that is why it ended.
        memory: where to go on from, once it is finished; None if its prompt was not read to the end.
    """

    params: SamplingParams
    first: int = 0
    pace: float | None = None
    deadline: float | None = None  # time.monotonic()
    unknown: list[UnknownCharacter] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    error: str = ""
    memory: Memory | None = None
    started: float = 0.0  # time.monotonic() of the first character
    ended: float = 0.0
    aborted: bool = False
    _characters: list[str] = field(default_factory=list)
    _released: int = 0  # characters that a reader may have: not those that may turn out to be the stop text

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
    def next_first(self) -> int:
        """The number of the character after its last: ``first`` of a reply that goes on from its memory."""
        return self.first + len(self._characters)

    @property
    def chars_per_sec(self) -> float:
        """Of the time from the first character to the last."""
        seconds = (self.ended or time.monotonic()) - self.started
        return self._released / seconds if self.started and seconds > 0 else 0.0

    def _over(self, now: float) -> FinishReason | None:
        """Why it ends before its next character, if it does."""
        if self.aborted:
            return "abort"
        return "time" if self.deadline is not None and now >= self.deadline else None

    def _append(self, character: str) -> FinishReason | None:
        """Takes the next character; returns why the reply ends with it, if it does."""
        self._characters.append(character)
        stop, written = self.params.stop, len(self._characters)
        if not stop:
            self._released = written
        else:
            tail = "".join(self._characters[-len(stop) :])
            held = next(n for n in range(min(len(stop), written), -1, -1) if tail.endswith(stop[:n]))
            self._released = written - held
            if held == len(stop):
                return "stop"
        return "length" if written >= self.params.length else None


@dataclass(eq=False)
class _Row:
    """A running sequence and what the network needs for it."""

    sequence: Sequence
    state: LSTMState
    to_read: deque[int]  # the last of these is the one whose successor is drawn
    randomness: Randomness
    due: float = 0.0

    def memory(self) -> Memory | None:
        return Memory(self.state, self.to_read[0]) if len(self.to_read) == 1 else None


class Engine:
    """Writes for everyone, one character a row a step.

    Args:
        lm: the model.
        max_rows: how many replies are written at once; more wait, and are taken in order.
        max_waiting: how many may wait.
    """

    def __init__(self, lm: CharLSTM, *, max_rows: int = 64, max_waiting: int = 256) -> None:
        self.lm = lm
        self.max_rows = max_rows
        self.max_waiting = max_waiting
        self._rows: list[_Row] = []
        self._waiting: deque[_Row] = deque()
        self._changed = threading.Condition()
        self._stopped = False

    @property
    def running(self) -> int:
        return len(self._rows)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def add_request(
        self,
        prompt: str,
        params: SamplingParams,
        *,
        memory: Memory | None = None,
        first: int = 0,
        pace: float | None = None,
        deadline_s: float | None = None,
    ) -> Sequence:
        """Asks for a reply. Returns at once; ``step`` or ``run`` writes it.

        Args:
            prompt: what stands before the reply. Characters that the model does not know are skipped. If
                nothing is left and there is no memory, it starts as after a line end.
            params: how to write it.
            memory: a conversation to go on with; None starts from a memory of zeros.
            first: the number of its first character since the seed was set; more than 0 to continue a reply.
            pace: characters a second; None is as fast as it can.
            deadline_s: seconds from now after which it ends, whatever is written.

        Raises:
            EngineBusyError: too many wait already, or it has been stopped.
            ValueError: ``first`` is negative.
        """
        if first < 0:
            raise ValueError(f"first is {first}: it must be at least 0")
        tokenizer = self.lm.tokenizer
        ids: list[int] = tokenizer.encode(prompt, unknown="skip").tolist()
        if memory is not None:
            ids.insert(0, memory.last_id)
        elif not ids:
            ids = [tokenizer.start_id]
        state = memory.state if memory else LSTMState.zeros(self.lm.config, device=self.lm.device)
        deadline = None if deadline_s is None else time.monotonic() + deadline_s
        sequence = Sequence(params, first, pace, deadline, tokenizer.unknown_in(prompt))
        row = _Row(sequence, state, deque(ids), Randomness(params.seed))
        with self._changed:
            if self._stopped:
                raise EngineBusyError("the engine has been stopped: no more replies are written")
            if len(self._waiting) >= self.max_waiting:
                raise EngineBusyError(f"{len(self._waiting)} requests wait already: try again in a moment")
            self._waiting.append(row)
            self._changed.notify()
        return sequence

    def abort(self, sequence: Sequence) -> None:
        """Ends a reply before its next character. Twice is once; a finished one stays as it is."""
        with self._changed:
            sequence.aborted = True
            self._changed.notify()

    def step(self) -> None:
        """Writes the next character of each row that is due, or reads on in its prompt."""
        self._admit()
        now = time.monotonic()
        for row in self._rows:
            sequence = row.sequence
            try:
                if reason := sequence._over(now):
                    self._finish(row, reason)
                elif row.due <= now:
                    self._advance(row, now)
            except Exception as error:  # noqa: BLE001  one row's fault must not end the others
                sequence.error = f"{type(error).__name__} while writing"
                self._finish(row, "error")
        self._rows = [row for row in self._rows if not row.sequence.finished]

    def run(self) -> None:
        """Writes until ``stop``; for a thread of its own. Sleeps while no row is due."""
        while True:
            with self._changed:
                if self._stopped:
                    break
                delay = self._delay()
                if delay is None or delay > 0:
                    self._changed.wait(delay)
                    continue
            self.step()
        for row in (*self._rows, *self._waiting):
            self._finish(row, "abort")
        self._rows.clear()
        self._waiting.clear()

    def stop(self) -> None:
        """Ends ``run``, and every reply with it."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _delay(self) -> float | None:
        """Seconds until something is to be done; None is when somebody asks."""
        if any(row.sequence.aborted for row in (*self._rows, *self._waiting)):
            return 0.0
        if self._waiting and len(self._rows) < self.max_rows:
            return 0.0
        times = [row.due for row in self._rows]
        times += [row.sequence.deadline for row in (*self._rows, *self._waiting) if row.sequence.deadline is not None]
        return min(times) - time.monotonic() if times else None

    def _admit(self) -> None:
        with self._changed:
            now = time.monotonic()
            for row in list(self._waiting):
                if reason := row.sequence._over(now):
                    self._waiting.remove(row)
                    self._finish(row, reason)
            while self._waiting and len(self._rows) < self.max_rows:
                self._rows.append(self._waiting.popleft())

    def _advance(self, row: _Row, now: float) -> None:
        if len(row.to_read) > 1:
            for _ in range(min(READ_AT_ONCE, len(row.to_read) - 1)):
                _, row.state = self._read(row.to_read[0], row.state)
                row.to_read.popleft()  # only now: a fault must not leave a memory that lacks a character
            return
        sequence = row.sequence
        logits, state = self._read(row.to_read[0], row.state)
        number = row.randomness.number(sequence.first + len(sequence._characters))
        chosen = choose(logits.numpy(), sequence.params, number)
        row.state, row.to_read[0] = state, chosen
        sequence.started = sequence.started or now
        if sequence.pace:
            row.due = max(row.due or now, now - _CATCH_UP_S) + 1 / sequence.pace
        if reason := sequence._append(self.lm.tokenizer.vocab[chosen]):
            self._finish(row, reason)

    def _read(self, token: int, state: LSTMState) -> tuple[torch.Tensor, LSTMState]:
        # Each row by itself: a batched float32 product may round differently with other neighbours.
        with torch.inference_mode():
            logits, state = self.lm.network.step(torch.tensor([token], device=self.lm.device), state)
            return logits[0].float().cpu(), state

    def _finish(self, row: _Row, reason: FinishReason) -> None:
        sequence = row.sequence
        sequence.ended = time.monotonic()
        sequence.memory = row.memory()
        if reason != "stop":  # what was held back for a stop text that never came
            sequence._released = len(sequence._characters)
        sequence.finish_reason = reason  # last: whoever sees it may read all the rest


class Stream(Iterator[str]):
    """A reply as an iterator over its pieces, mostly single characters.

    Attributes:
        sequence: seed (in ``sequence.params``), ``text`` so far, ``finish_reason``, and in the end the ``memory``
            that the next call can go on from.
    """

    def __init__(self, engine: Engine, sequence: Sequence) -> None:
        self.sequence = sequence
        self._engine = engine
        self._position = 0

    def abort(self) -> None:
        """Ends it before its next character; what is written by then still comes. From any thread or signal handler."""
        self._engine.abort(self.sequence)

    def __next__(self) -> str:
        while True:
            piece = self.sequence.since(self._position)
            if piece:
                self._position += len(piece)
                return piece
            if self.sequence.error:
                raise RuntimeError(self.sequence.error)
            if self.sequence.finished:
                raise StopIteration
            self._engine.step()


def stream(
    lm: CharLSTM,
    prompt: str = "",
    length: int = SamplingParams.length,
    *,
    temperature: float = SamplingParams.temperature,
    top_k: int = SamplingParams.top_k,
    top_p: float = SamplingParams.top_p,
    seed: int | None = None,
    stop: str = SamplingParams.stop,
    memory: Memory | None = None,
    first: int = 0,
) -> Stream:
    """Writes on from a prompt, piece by piece; what is written, without the prompt.

    The same arguments and seed give the same text. ``memory`` and ``first`` go on from an earlier reply:
    ``stream(lm, memory=s.sequence.memory, first=s.sequence.next_first, seed=…)`` is what a longer reply would
    have said.

    Raises:
        ValueError: an argument is out of bounds, see ``SamplingParams``.
    """
    params = SamplingParams(temperature, length, top_k, top_p, draw_seed() if seed is None else seed, stop)
    engine = Engine(lm, max_rows=1)
    return Stream(engine, engine.add_request(prompt, params, memory=memory, first=first))


def generate(lm: CharLSTM, prompt: str = "", length: int = SamplingParams.length, **options: object) -> str:
    """The whole reply at once; arguments and errors as of ``stream``."""
    return "".join(stream(lm, prompt, length, **options))  # type: ignore[arg-type]
