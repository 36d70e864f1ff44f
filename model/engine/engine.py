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
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..backends.backend import Indices, Precision
from ..char_lstm import CharLSTM
from ..clamps import check_clamps
from ..int8.sampling import Randomness
from ..lstm import LSTMState
from ..settings import SamplingParams
from .blend import Blend
from .blocked_words import BlockedWords
from .sequence import FinishReason, Memory, Sequence

Result = TypeVar("Result")
READ_AT_ONCE = 32  # characters of a prompt read in one step, at most
MAX_INT8_COST = 0.01  # nats; a model that loses more in 8 bits is served in float32
_BEAT_S = 1 / 120
_CATCH_UP_S = 0.25  # a row that fell further behind its pace does not hurry to make up for it


class EngineBusyError(RuntimeError):
    """As many requests wait as may; try again in a moment. Or the engine has been stopped."""


@dataclass(eq=False)
class _Request:
    """A sequence and what the engine needs for it."""

    sequence: Sequence
    start: LSTMState
    to_read: deque[int]  # the last of these is the one whose successor is drawn
    randomness: Randomness
    client_id: str = ""
    slot: int = -1  # its place in the stepper; none while it waits
    due_at: float = 0.0

    @property
    def writes(self) -> bool:
        """Whether its prompt is read, so that its next character can be drawn."""
        return len(self.to_read) == 1


class Engine:
    """Writes for everyone, one character a row a step.

    Args:
        lm: the model, or two as one.
        max_slots: how many replies are written at once; more wait, and are taken in order.
        max_waiting: how many may wait.
        max_slots_per_client: how many replies one client may have written at once; those beyond wait, and keep nobody
            else waiting.
        precision: "int8" gives the same text on every machine, see ``precision``; "float32" is the network as
            it was trained. None is int8, unless training found that it costs this model over 0.01 nats.
        blocked: words that it does not write: a reply ends before one, and no reader has any part of it.
    """

    def __init__(
        self,
        lm: CharLSTM | Blend,
        *,
        max_slots: int = 256,
        max_waiting: int = 256,
        max_slots_per_client: int = 4,
        precision: Precision | None = None,
        blocked: BlockedWords | None = None,
    ) -> None:
        self.lm = lm
        self.blocked = blocked or BlockedWords()
        self.max_slots = max_slots
        self.max_waiting = max_waiting
        self.max_slots_per_client = max_slots_per_client
        self.written = 0  # characters, since it began
        self.precision: Precision = precision or default_precision(lm)
        self._backend = lm.backend(max_slots, self.precision)
        self._free = list(range(max_slots))[::-1]
        self._running: list[_Request] = []
        self._waiting: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._stopped = self._draining = False

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether nothing is asked of it that is not written; who is just being let in counts, too."""
        with self._changed:
            return not self._running and not self._waiting

    def add_request(
        self,
        prompt: str,
        params: SamplingParams,
        *,
        memory: Memory | None = None,
        draw_offset: int = 0,
        chars_per_second: float | None = None,
        deadline_s: float | None = None,
        client_id: str = "",
        clamps: Iterable[tuple[int, int, float]] = (),
        context: str = "",
    ) -> Sequence:
        """Asks for a reply. Returns at once; ``step`` or ``run`` writes it.

        Args:
            prompt: what stands before the reply. Characters that the model does not know are skipped. If
                nothing is left and there is no memory, it starts as after a line end.
            params: how to write it.
            memory: a conversation to go on with; None starts from a memory of zeros.
            draw_offset: the number of its first character since the seed was set; more than 0 to continue a reply.
            chars_per_second: characters a second; None is as fast as it can.
            deadline_s: seconds from now after which it ends, whatever is written.
            client_id: who asks, for ``max_slots_per_client``; "" is somebody else each time.
            clamps: cells that are held at a value while it is written, each a layer, a number and the value, see
                ``holds``. The prompt is read with all of them free.
            context: what readers see before the prompt; a blocked word may have begun there.

        Raises:
            EngineBusyError: too many wait already, or it has been stopped.
            ValueError: ``draw_offset`` is negative, or the memory or a cell to be held is not this model's.
        """
        if draw_offset < 0:
            raise ValueError(f"draw_offset is {draw_offset}: it must be at least 0")
        held = check_clamps(clamps, self.lm.config)
        if held and isinstance(self.lm, Blend):
            raise ValueError("clamps are given: the cells of a blend cannot be held")
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
        sequence = Sequence(params, draw_offset, chars_per_second, deadline, held, tokenizer.unknown_characters(prompt))
        sequence.watch = self.blocked.watch(context + prompt) if self.blocked else None
        row = _Request(sequence, memory.state if memory else nothing, deque(ids), Randomness(params.seed), client_id)
        with self._changed:
            if self._stopped:
                raise EngineBusyError("the engine has been stopped: no more replies are written")
            if len(self._waiting) >= self.max_waiting:
                raise EngineBusyError(f"{len(self._waiting)} requests wait already: try again in a moment")
            self._waiting.append(row)
            self._changed.notify()
        return sequence

    def queue_position(self, sequence: Sequence) -> int:
        """How many wait before a reply; 0 once it is written."""
        with self._changed:
            return next((at for at, row in enumerate(self._waiting) if row.sequence is sequence), 0)

    def abort(self, sequence: Sequence) -> None:
        """Ends a reply before its next character. Twice is once; a finished one stays as it is."""
        with self._changed:
            sequence.aborted = True
            self._changed.notify()

    def step(self) -> None:
        """Writes the next character of each row that is due; those with a prompt still to read read on in it."""
        self._admit()
        now = time.monotonic()
        for row in self._running:
            if reason := row.sequence.end_reason(now):
                self._finish(row, reason)
        due = [row for row in self._running if row.due_at <= now and not row.sequence.finished]
        self._read_prompts(due)
        self._write([row for row in due if row.writes and not row.sequence.finished], now)
        self._running = [row for row in self._running if not row.sequence.finished]

    def run(self) -> None:
        """Writes until ``stop``; for a thread of its own. Sleeps while no row is due."""
        while True:
            with self._changed:
                self._stopped |= self._draining and self.idle
                if self._stopped:
                    break
                delay = self._delay()
                if delay is None or delay > 0:
                    self._changed.wait(delay)
                    continue
            self.step()
        for row in (*self._running, *self._waiting):
            self._finish(row, "abort")
        self._running.clear()
        self._waiting.clear()

    def stop(self) -> None:
        """Ends ``run``, and every reply with it."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def drain(self) -> None:
        """Lets ``run`` end by itself, once nothing is asked for that is not written."""
        with self._changed:
            self._draining = True
            self._changed.notify()

    def release(self) -> None:
        """Frees weights and rows when ``run`` has ended: nothing is asked of it any more but what it has written."""
        self.lm = self.lm.without_weights()
        del self._backend

    def _delay(self) -> float | None:
        """Seconds until something is to be done; None is when somebody asks."""
        if any(row.sequence.aborted for row in (*self._running, *self._waiting)):
            return 0.0
        if self._admissible():
            return 0.0
        times = [row.due_at for row in self._running]
        times += [
            row.sequence.deadline for row in (*self._running, *self._waiting) if row.sequence.deadline is not None
        ]
        if not times:
            return None
        # Paced rows wake the engine on the beats of one clock, so that many of them share a step.
        return math.ceil(min(times) / _BEAT_S) * _BEAT_S - time.monotonic()

    def _admit(self) -> None:
        with self._changed:
            now = time.monotonic()
            for row in list(self._waiting):
                if reason := row.sequence.end_reason(now):
                    self._waiting.remove(row)
                    self._finish(row, reason)
            for row in self._admissible():
                self._waiting.remove(row)
                row.slot = self._free.pop()
                self._backend.load(row.slot, row.start)
                self._running.append(row)

    def _admissible(self) -> list[_Request]:
        """Who of those that wait may begin now, in the order in which they came."""
        rows: list[_Request] = []
        if not self._waiting or len(self._running) >= self.max_slots:
            return rows
        running = Counter(row.client_id for row in self._running if row.client_id)
        for row in self._waiting:
            if len(self._running) + len(rows) >= self.max_slots:
                break
            if not row.client_id or running[row.client_id] < self.max_slots_per_client:
                running[row.client_id] += 1
                rows.append(row)
        return rows

    def _read_prompts(self, due: list[_Request]) -> None:
        """Lets rows read on, all of them a character at a time, for no longer than the writing ones can spare."""
        reading = [row for row in due if not row.writes]
        writing = len(due) - len(reading)
        for _ in range(max(1, min(READ_AT_ONCE, writing // 8)) if writing else READ_AT_ONCE):
            if not reading:
                return
            for row in self._isolate_faults(reading, self._read):
                row.to_read.popleft()  # only now: a fault must not leave a memory that lacks a character
            reading = [row for row in reading if not row.writes and not row.sequence.finished]

    def _read(self, rows: list[_Request]) -> list[_Request]:
        self._backend.prefill(*_arrays(rows))
        return rows

    def _write(self, rows: list[_Request], now: float) -> None:
        vocab = self.lm.tokenizer.vocab
        self.written += len(rows)
        for row, chosen in self._isolate_faults(rows, self._draw):
            sequence, row.to_read[0] = row.sequence, chosen
            sequence.started_at = sequence.started_at or now
            if sequence.chars_per_second:
                row.due_at = max(row.due_at or now, now - _CATCH_UP_S) + 1 / sequence.chars_per_second
            if reason := sequence.append(vocab[chosen]):
                self._finish(row, reason)
            elif sequence.watch and self.blocked.may_follow(vocab[chosen]):
                sequence.save_memory(Memory(self._backend.state(row.slot), chosen))

    def _draw(self, rows: list[_Request]) -> list[tuple[_Request, int]]:
        params = [row.sequence.params for row in rows]
        numbers = [row.randomness.number(row.sequence.next_draw_offset) for row in rows]
        clamps = [row.sequence.clamps for row in rows]
        chosen = self._backend.decode(*_arrays(rows), params, numbers, clamps if any(clamps) else ())
        return list(zip(rows, chosen, strict=True))

    def _isolate_faults(self, rows: list[_Request], action: Callable[[list[_Request]], list[Result]]) -> list[Result]:
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
        return [result for row in rows for result in self._isolate_faults([row], action)]

    def _finish(self, row: _Request, reason: FinishReason) -> None:
        memory = None
        if row.writes:
            state = row.start if row.slot < 0 else self._backend.state(row.slot)
            memory = Memory(state, row.to_read[0])
        if row.slot >= 0:
            self._free.append(row.slot)
        row.sequence.finish(reason, memory)


def _check_memory(memory: Memory, nothing: LSTMState, vocab_size: int) -> None:
    """The compiled loops do not look where they read: what does not fit must not reach them."""
    if not (memory.state.h.shape == memory.state.c.shape == nothing.h.shape):
        raise ValueError(f"memory is of shape {list(memory.state.h.shape)}: it must be {list(nothing.h.shape)}")
    if not 0 <= memory.last_id < vocab_size:
        raise ValueError(f"memory ends with character {memory.last_id}: this model has {vocab_size}")


def default_precision(lm: CharLSTM | Blend) -> Precision:
    """How a model writes when nothing is said: int8, unless training found that it costs too much."""
    cost = lm.training.get("int8_cost")
    return "float32" if isinstance(cost, int | float) and cost > MAX_INT8_COST else "int8"


def _arrays(rows: list[_Request]) -> tuple[Indices, Indices]:
    """The slots of some rows, and the next character that each reads."""
    return np.array([row.slot for row in rows], np.int64), np.array([row.to_read[0] for row in rows], np.int64)
