"""The engine: everything that writes a character. Many replies at once, each the text it would be alone.

A request waits until a row is free, has its prompt read a few characters at a time, then writes one character
a step until it ends. What is kept between two characters is the LSTM's state, so rows come and go at any
character and a conversation goes on from where it was without reading anything again.

``stream`` and ``generate`` drive an engine of their own; a server runs one in a thread (``run``) for everyone.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np

from .char_lstm import CharLSTM
from .lstm import LSTMState
from .sampler import Randomness, SamplingParams, draw_seed
from .stepper import Arithmetic, Rows, make_stepper
from .tokenizer import UnknownCharacter

FinishReason = Literal["length", "stop", "abort", "time", "error"]
Result = TypeVar("Result")
READ_AT_ONCE = 32  # characters of a prompt read in one step, at most
MAX_INT8_COST = 0.01  # nats; a model that loses more in 8 bits is served in float32
_BEAT_S = 1 / 120
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
    """A sequence and what the engine needs for it."""

    sequence: Sequence
    start: LSTMState
    to_read: deque[int]  # the last of these is the one whose successor is drawn
    randomness: Randomness
    slot: int = -1  # its place in the stepper; none while it waits
    due: float = 0.0

    @property
    def writes(self) -> bool:
        """Whether its prompt is read, so that its next character can be drawn."""
        return len(self.to_read) == 1


class Engine:
    """Writes for everyone, one character a row a step.

    Args:
        lm: the model.
        max_rows: how many replies are written at once; more wait, and are taken in order.
        max_waiting: how many may wait.
        arithmetic: "int8" gives the same text on every machine, see ``arithmetic``; "float32" is the network as
            it was trained. None is int8, unless training found that it costs this model over 0.01 nats.
    """

    def __init__(
        self, lm: CharLSTM, *, max_rows: int = 128, max_waiting: int = 256, arithmetic: Arithmetic | None = None
    ) -> None:
        self.lm = lm
        self.max_rows = max_rows
        self.max_waiting = max_waiting
        self.arithmetic: Arithmetic = arithmetic or _fitting(lm)
        weights = lm.integer_weights() if self.arithmetic == "int8" else None
        self._stepper = make_stepper(lm.network, max_rows, weights)
        self._free = list(range(max_rows))[::-1]
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
            ValueError: ``first`` is negative, or the memory is not this model's.
        """
        if first < 0:
            raise ValueError(f"first is {first}: it must be at least 0")
        tokenizer = self.lm.tokenizer
        nothing = LSTMState.zeros(self.lm.config, device=self.lm.device)
        if memory is not None:
            _check_memory(memory, nothing, len(tokenizer))
        ids: list[int] = tokenizer.encode(prompt, unknown="skip").tolist()
        if memory is not None:
            ids.insert(0, memory.last_id)
        elif not ids:
            ids = [tokenizer.start_id]
        deadline = None if deadline_s is None else time.monotonic() + deadline_s
        sequence = Sequence(params, first, pace, deadline, tokenizer.unknown_in(prompt))
        row = _Row(sequence, memory.state if memory else nothing, deque(ids), Randomness(params.seed))
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
        """Writes the next character of each row that is due; those with a prompt still to read read on in it."""
        self._admit()
        now = time.monotonic()
        for row in self._rows:
            if reason := row.sequence._over(now):
                self._finish(row, reason)
        due = [row for row in self._rows if row.due <= now and not row.sequence.finished]
        self._read_prompts(due)
        self._write([row for row in due if row.writes and not row.sequence.finished], now)
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
        if not times:
            return None
        # Paced rows wake the engine on the beats of one clock, so that many of them share a step.
        return math.ceil(min(times) / _BEAT_S) * _BEAT_S - time.monotonic()

    def _admit(self) -> None:
        with self._changed:
            now = time.monotonic()
            for row in list(self._waiting):
                if reason := row.sequence._over(now):
                    self._waiting.remove(row)
                    self._finish(row, reason)
            while self._waiting and len(self._rows) < self.max_rows:
                row = self._waiting.popleft()
                row.slot = self._free.pop()
                self._stepper.load(row.slot, row.start)
                self._rows.append(row)

    def _read_prompts(self, due: list[_Row]) -> None:
        """Lets rows read on, all of them a character at a time, for no longer than the writing ones can spare."""
        reading = [row for row in due if not row.writes]
        writing = len(due) - len(reading)
        for _ in range(max(1, min(READ_AT_ONCE, writing // 4)) if writing else READ_AT_ONCE):
            if not reading:
                return
            for row in self._together(reading, self._read):
                row.to_read.popleft()  # only now: a fault must not leave a memory that lacks a character
            reading = [row for row in reading if not row.writes and not row.sequence.finished]

    def _read(self, rows: list[_Row]) -> list[_Row]:
        self._stepper.read(*_arrays(rows))
        return rows

    def _write(self, rows: list[_Row], now: float) -> None:
        vocab = self.lm.tokenizer.vocab
        for row, chosen in self._together(rows, self._draw):
            sequence, row.to_read[0] = row.sequence, chosen
            sequence.started = sequence.started or now
            if sequence.pace:
                row.due = max(row.due or now, now - _CATCH_UP_S) + 1 / sequence.pace
            if reason := sequence._append(vocab[chosen]):
                self._finish(row, reason)

    def _draw(self, rows: list[_Row]) -> list[tuple[_Row, int]]:
        params = [row.sequence.params for row in rows]
        numbers = [row.randomness.number(row.sequence.next_first) for row in rows]
        return list(zip(rows, self._stepper.write(*_arrays(rows), params, numbers), strict=True))

    def _together(self, rows: list[_Row], action: Callable[[list[_Row]], list[Result]]) -> list[Result]:
        """What an action gives for some rows at once; if it fails, for each by itself, to find whose fault it is."""
        if not rows:
            return []
        try:
            return action(rows)
        except Exception as error:  # noqa: BLE001  a fault ends the rows that have it, never the engine
            if len(rows) == 1:
                rows[0].sequence.error = f"{type(error).__name__} while writing"
                self._finish(rows[0], "error")
                return []
        return [result for row in rows for result in self._together([row], action)]

    def _finish(self, row: _Row, reason: FinishReason) -> None:
        sequence = row.sequence
        sequence.ended = time.monotonic()
        if row.writes:
            state = row.start if row.slot < 0 else self._stepper.state(row.slot)
            sequence.memory = Memory(state, row.to_read[0])
        if row.slot >= 0:
            self._free.append(row.slot)
        if reason != "stop":  # what was held back for a stop text that never came
            sequence._released = len(sequence._characters)
        sequence.finish_reason = reason  # last: whoever sees it may read all the rest


def _check_memory(memory: Memory, nothing: LSTMState, vocab_size: int) -> None:
    """The compiled loops do not look where they read: what does not fit must not reach them."""
    if not (memory.state.h.shape == memory.state.c.shape == nothing.h.shape):
        raise ValueError(f"memory is of shape {list(memory.state.h.shape)}: it must be {list(nothing.h.shape)}")
    if not 0 <= memory.last_id < vocab_size:
        raise ValueError(f"memory ends with character {memory.last_id}: this model has {vocab_size}")


def _fitting(lm: CharLSTM) -> Arithmetic:
    cost = lm.training.get("int8_cost")
    return "float32" if isinstance(cost, int | float) and cost > MAX_INT8_COST else "int8"


def _arrays(rows: list[_Row]) -> tuple[Rows, Rows]:
    """The slots of some rows, and the next character that each reads."""
    return np.array([row.slot for row in rows], np.int64), np.array([row.to_read[0] for row in rows], np.int64)


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
    arithmetic: Arithmetic | None = None,
) -> Stream:
    """Writes on from a prompt, piece by piece; what is written, without the prompt.

    The same arguments and seed give the same text, on any machine unless ``arithmetic`` is "float32". ``memory``
    and ``first`` go on from an earlier reply: ``stream(lm, memory=s.sequence.memory,
    first=s.sequence.next_first, seed=…)`` is what a longer reply would have said.

    Raises:
        ValueError: an argument is out of bounds, see ``SamplingParams``.
    """
    params = SamplingParams(temperature, length, top_k, top_p, draw_seed() if seed is None else seed, stop)
    engine = Engine(lm, max_rows=1, arithmetic=arithmetic)
    return Stream(engine, engine.add_request(prompt, params, memory=memory, first=first))


def generate(lm: CharLSTM, prompt: str = "", length: int = SamplingParams.length, **options: object) -> str:
    """The whole reply at once; arguments and errors as of ``stream``."""
    return "".join(stream(lm, prompt, length, **options))  # type: ignore[arg-type]
