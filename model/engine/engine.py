"""The engine: continuous batching of replies. Each reply gets the same text that it would get alone.

A request waits for a free slot, its prompt is read, and then it gets one character per step until it ends. Only the
LSTM state is kept between characters, so a request can join or leave the batch at any step.

`stream` and `generate` create an engine for each call; a server runs one in a thread (`Engine.run`) for all clients.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from array import array
from collections import deque
from collections.abc import Iterable

import numpy as np

from ..clamps import Clamps, Stretches, check_clamps
from ..lstm import LSTMState
from ..settings import Precision, SamplingParams, UsageError, check_value
from .blend import LanguageModel, default_precision
from .blocked_words import BlockedWords
from .request import Request, admissible, one_too_many, slots_and_ids, start_of
from .sequence import MAX_UNKNOWN, FinishReason, Memory, Sequence

log = logging.getLogger("char-lstm")
MAX_PREFILL = 32  # characters of each prompt read in one step
_MAX_READ = 1_024  # characters of all prompts in one step, 40 ms: the replies of other clients wait meanwhile
MAX_BURST = 32  # characters of each reply in one call of the backend; longer bursts save less than 1 %
_MAX_BURST_S = 0.02  # new requests and aborts wait for the end of a burst, and its characters arrive together
_NO_DRAW = SamplingParams(temperature=0, seed=0)  # for a prompt, after which no character is drawn yet
_TICK_S = 1 / 120  # replies with a speed limit get their characters on the ticks of one clock, so they share steps
_MAX_LAG_S = 0.25  # a reply that falls further behind its speed limit does not catch up


class EngineBusyError(RuntimeError):
    """The waiting queue is full, so a later request may succeed; or the engine has been stopped."""


class Engine:
    """Generates many replies at once, one character per reply and step.

    Args:
        lm: a `CharLSTM` or a `Blend`.
        max_slots: replies that run at once. Further requests wait: the group and the client with the fewest replies
            get the next slot, and among several the oldest request. While a request waits, replies that are not due
            and those of the groups with the most give up their slots, see `admissible`; they continue later.
        max_waiting, max_waiting_per_client: requests that may be unfinished in addition to those that may run, of all
            clients and of one. If there are too many, the newest of the group with the most ends: a new request is
            refused, another one ends with the reason "error" and an `EngineBusyError` as its cause.
        max_slots_per_client: replies of one client that run at once. Its further requests delay no other client.
        precision: "int8" gives the same text on every machine (docs/int8-inference.md), "float32" runs the weights
            as they were trained. None is int8, unless training measured that int8 costs this model over 0.01 nats.
        blocked: words that no client gets: a reply ends before one.

    Attributes:
        written: characters generated so far, in all replies.
    """

    def __init__(
        self,
        lm: LanguageModel,
        *,
        max_slots: int = 256,
        max_waiting: int = 256,
        max_slots_per_client: int = 4,
        max_waiting_per_client: int = 8,
        precision: Precision | None = None,
        blocked: BlockedWords | None = None,
    ) -> None:
        self.lm = lm
        self.blocked = blocked or BlockedWords()
        self.max_slots = max_slots
        self.max_waiting = max_waiting
        self.max_slots_per_client = max_slots_per_client
        self.max_waiting_per_client = max_waiting_per_client
        self.written = 0
        self.precision: Precision = precision or default_precision(lm)
        self._backend = lm.make_backend(max_slots, self.precision)
        self._character_s = math.inf  # seconds for one character of each reply, in the last call of the backend
        self._free_slots = list(range(max_slots))[::-1]
        self._running: list[Request] = []
        self._waiting: deque[Request] = deque()
        self._changed = threading.Condition()
        self._stopped = self._draining = False

    @property
    def running(self) -> int:
        """The number of replies that have a slot."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """The number of requests that wait for a slot, those that gave one up included."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether no request is running or waiting."""
        with self._changed:  # a request that moves from one list to the other is briefly in neither
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
        group_id: str = "",
        clamps: Iterable[tuple[int, int, float]] = (),
        prompt_clamps: Stretches = (),
        context: str = "",
    ) -> Sequence:
        """Adds a request to the queue and returns its sequence at once; `step` or `run` generates the text.

        Args:
            prompt: the text before the reply. Characters that the model does not have are skipped. Without any other
                character and without a memory, the reply starts as after a line end.
            params: the sampling parameters.
            memory: the conversation to continue; None starts from a state of zeros.
            draw_offset: the index of the reply's first random number in those of the seed; above 0 to continue a reply.
            chars_per_second: the speed limit; None is as fast as possible.
            deadline_s: seconds from now after which the reply ends.
            client_id, group_id: the client that the limits per client count, and its group, such as an address: the
                group and the client with the fewest replies get the next slot. "" is a new client in each request.
            clamps: (layer, cell, value) of cells that are clamped during the reply, but not during the prompt.
            prompt_clamps: (position, clamps) in order: the cells that are clamped from the step that reads this
                position of the prompt on, until the reply begins. Position -1 is the character before the prompt.
            context: the text before the prompt that the client sees; a blocked word may begin in it.

        Raises:
            EngineBusyError: too many requests are unfinished and no group has more than this one, too many of the
                client are, or the engine has been stopped.
            TypeError, ValueError: the prompt is not a str, or a value is not allowed or does not fit the model.
        """
        if not isinstance(prompt, str):
            raise TypeError(f'the prompt is a {type(prompt).__name__}: it must be a str, "" for none')
        check_value("draw_offset", draw_offset, int)
        sequence = Sequence(
            params=params,
            draw_offset=draw_offset,
            chars_per_second=chars_per_second,
            deadline=None if deadline_s is None else time.monotonic() + deadline_s,
            clamps=self._check_clamps(clamps),
            unknown=self.lm.tokenizer.unknown_characters(prompt)[:MAX_UNKNOWN],
            watch=self.blocked.watch(context + prompt) if self.blocked else None,
        )
        start, unread, positions = start_of(self.lm, prompt, memory)
        begin = np.searchsorted(positions, [position for position, _ in prompt_clamps]) - len(unread)
        clamped = [(at, self._check_clamps(each)) for at, (_, each) in zip(begin.tolist(), prompt_clamps, strict=True)]
        reverse = array("i", unread[::-1].astype(np.intc).tobytes())
        request = Request(sequence, start, reverse, clamped, client_id or object(), group_id or object())
        with self._changed:
            if self._stopped:
                raise EngineBusyError("the engine has been stopped and accepts no requests")
            newest_first = (*reversed(self._waiting), *reversed(self._running))
            others = [each for each in newest_first if not (each.sequence.aborted or each.sequence.finished)]
            most_each = self.max_slots_per_client + self.max_waiting_per_client
            ending, reason = one_too_many(request, others, self.max_slots + self.max_waiting, most_each)
            if ending:
                busy = EngineBusyError(f"{reason}: try again in a moment")
                if ending is request:
                    raise busy
                ending.sequence.error, ending.sequence.cause, ending.sequence.aborted = str(busy), busy, True
            self._waiting.append(request)
            self._changed.notify()
        return sequence

    def _check_clamps(self, clamps: Iterable[tuple[int, int, float]]) -> Clamps:
        checked = check_clamps(clamps, self.lm.config)
        if checked and len(self.lm.models) > 1:
            raise UsageError("clamps are given: the cells of a blend cannot be clamped")
        return checked

    def queue_position(self, sequence: Sequence) -> int:
        """Returns how many requests wait before a sequence; 0 if the sequence has a slot."""
        with self._changed:
            return next((at for at, request in enumerate(self._waiting) if request.sequence is sequence), 0)

    def abort(self, sequence: Sequence) -> None:
        """Ends a reply before its next character; a finished reply does not change. Safe in any thread."""
        with self._changed:
            sequence.aborted = True
            self._changed.notify()

    def step(self, *, burst: bool = False) -> None:
        """Reads the next characters of prompts that are not read yet, and generates one for each other due request.

        With `burst`, it generates several characters for each of these if no request waits, see `_burst_length`.
        An exception of the backend is logged, and ends the running replies with the reason "error".
        """
        try:
            self._admit()
            now = time.monotonic()
            for request in self._running:
                if reason := request.sequence.end_reason(now):
                    self._finish(request, reason)
            due = [request for request in self._running if request.due_at <= now and not request.sequence.finished]
            self._prefill(due)
            self._decode(due, now, self._burst_length(due, now) if burst and not self._waiting else 1)
        except Exception as error:
            log.exception("the replies of %s ended with an error", self.lm.name)
            for request in self._running:
                if not request.sequence.finished:
                    # Clients get the type of the error only, because its text may hold a path.
                    request.sequence.error = f"{type(error).__name__} while writing"
                    request.sequence.cause = error
                    self._finish(request, "error")
        self._running = [request for request in self._running if not request.sequence.finished]

    def run(self) -> None:
        """Runs steps until `stop`, or after `drain` until no request is left. Sleeps while no request is due."""
        while True:
            with self._changed:
                self._stopped |= self._draining and self.idle
                if self._stopped:
                    break
                delay = self._delay()
                if delay is None or delay > 0:
                    self._changed.wait(delay)
                    continue
            self.step(burst=True)
        for request in (*self._running, *self._waiting):
            self._finish(request, "abort")
        self._running.clear()
        self._waiting.clear()

    def stop(self) -> None:
        """Ends `run`, and aborts every reply."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def drain(self) -> None:
        """Makes `run` end after the last request."""
        with self._changed:
            self._draining = True
            self._changed.notify()

    def release(self) -> None:
        """Frees the weights and states, after `run` has ended. Finished sequences stay valid."""
        self.lm = self.lm.without_weights()
        del self._backend

    def _delay(self) -> float | None:
        """Returns the seconds until the next step is due; None if only a call of another thread makes one due."""
        requests = (*self._running, *self._waiting)
        if any(request.sequence.aborted for request in requests) or self._admissible():
            return 0.0
        times = [request.due_at for request in requests if request.slot >= 0 or request.due_at]
        times += [request.sequence.deadline for request in requests if request.sequence.deadline is not None]
        return math.ceil(min(times) / _TICK_S) * _TICK_S - time.monotonic() if times else None

    def _admit(self) -> None:
        """Gives free slots to waiting requests, and ends waiting requests that were aborted or are too late."""
        with self._changed:
            now = time.monotonic()
            for request in list(self._waiting):
                if reason := request.sequence.end_reason(now):
                    self._waiting.remove(request)
                    self._finish(request, reason)
            for request, giver in self._admissible():
                if giver:
                    giver.start = self._backend.state(giver.slot)
                    self._free_slots.append(giver.slot)
                    giver.slot = -1
                    self._running.remove(giver)
                    self._waiting.appendleft(giver)
                self._waiting.remove(request)
                request.slot = self._free_slots.pop()
                self._running.append(request)
                self._backend.load(request.slot, request.start)

    def _admissible(self) -> list[tuple[Request, Request | None]]:
        """Returns the waiting requests that can get a slot now, each with the reply that gives its slot up."""
        limits = self.max_slots, self.max_slots_per_client
        return admissible(self._running, self._waiting, *limits, time.monotonic())

    def _prefill(self, due: list[Request]) -> None:
        """Reads the next characters of all prompts, one character of each at a time.

        Replies that are being generated wait meanwhile, so a step reads at most one character for every eight of them.
        `_decode` reads the last one while it generates: for 8 replies this adds 5 % to the step instead of 25 %.
        """
        reading = [request for request in due if not request.prompt_is_read]
        generating = len(due) - len(reading)
        most = min(MAX_PREFILL, max(1, _MAX_READ // max(1, len(reading))))
        for _ in range(min(most, generating // 8) - 1 if generating else most):
            if not reading:
                return
            clamps = [request.next_clamps for request in reading]
            self._backend.prefill(*slots_and_ids(reading), clamps if any(clamps) else ())
            for request in reading:
                request.advance(self._backend)
            reading = [request for request in reading if not request.prompt_is_read]

    def _burst_length(self, due: list[Request], now: float) -> int:
        """Returns how many characters can be drawn in one call of the backend for each request that is due.

        With a call for each character, the calls take a fifth of the time of a single reply. The length is 1 while a
        prompt is read, and for replies with a speed limit. A burst ends before the next of these is due, and with the
        first reply that reaches its length.
        """
        if not due or any(not request.prompt_is_read or request.sequence.chars_per_second for request in due):
            return 1
        next_due = min((request.due_at for request in self._running if request.due_at > now), default=math.inf)
        in_time = int(min(_MAX_BURST_S, next_due - now) / self._character_s)
        left = min(request.sequence.remaining for request in due)
        return max(1, min(MAX_BURST, in_time, left, self._backend.most_characters(len(due))))

    def _decode(self, requests: list[Request], now: float, length: int) -> None:
        """Generates a burst for each request whose prompt is read; reads a character of the other prompts with it."""
        if not any(request.prompt_is_read for request in requests):
            return
        params = [request.sequence.params if request.prompt_is_read else _NO_DRAW for request in requests]
        numbers = [request.next_numbers(length) for request in requests]
        clamps = [request.next_clamps for request in requests]
        began = time.perf_counter()
        ids, bits = self._backend.write(*slots_and_ids(requests), params, numbers, clamps if any(clamps) else ())
        self._character_s = (time.perf_counter() - began) / length
        for row, request in enumerate(requests):
            if request.prompt_is_read:
                self._append(request, row, ids[row], bits[row], now)
            else:
                request.advance(self._backend)

    def _append(self, request: Request, row: int, ids: list[int], bits: list[float], now: float) -> None:
        """Adds the characters of a burst to a reply, up to the one with which it ends."""
        sequence, vocab = request.sequence, self.lm.tokenizer.vocab
        sequence.started_at = sequence.started_at or now
        if sequence.chars_per_second:
            request.due_at = max(request.due_at or now, now - _MAX_LAG_S) + 1 / sequence.chars_per_second
        added, reason = sequence.add([vocab[id_] for id_ in ids], bits)
        request.unread[-1] = ids[added - 1]
        self.written += added
        if reason:
            self._finish(request, reason, self._backend.written_state(request.slot, row, added - 1))

    def _finish(self, request: Request, reason: FinishReason, state: LSTMState | None = None) -> None:
        if request.slot >= 0:
            self._free_slots.append(request.slot)
        has_failed = reason == "error"  # then the backend may have no state
        request.sequence.finish(reason, None if has_failed else request.memory(self._backend, state))
