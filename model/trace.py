"""Traces the predictions and the states of the network at each character of a text.

`TextTrace` reads a text with the same backend that generates, so for a generated text its numbers are those of the
generation: bit for bit with int8, or with float32 on the same CPU. It saves a limited number of states and reaches any
other position by a replay.

Shapes: T characters, V vocabulary, H hidden, L layers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import torch

from .backends.backend import Floats
from .clamps import Clamps, Stretches, clamps_at
from .engine.blend import LanguageModel, default_precision
from .int8.sampling import surprisal
from .lstm import LSTMState
from .settings import Precision

UNKNOWN = -1  # the id of a character that the model does not have
_SLOT = np.zeros(1, np.int64)
_MAX_SAVED = 64  # states; a replay is at most a 64th of a long text
_MIN_DISTANCE = 32  # characters between two saved states


@dataclass(frozen=True, kw_only=True)
class TokenTrace:
    """One character of the text, with its prediction and the cells after it.

    Attributes:
        position: its position in the text.
        id: its id; `UNKNOWN` if the model does not have it and skipped it.
        logits: (V,) float32, the prediction of the character; None where the model had read nothing.
        cells: (L, H) float32, the cells c after it.
    """

    position: int
    id: int
    logits: Floats | None
    cells: Floats

    @property
    def bits(self) -> float:
        """The surprisal: -log2 of the probability of the character; NaN without a prediction or for `UNKNOWN`."""
        return float("nan") if self.logits is None or self.id == UNKNOWN else surprisal(self.logits, self.id)


@dataclass(frozen=True)
class StepTrace:
    """All values of the step that read one character.

    Attributes:
        token: the character.
        gates: (L, 4, H), the gates i, f, g, o; g in [-1, 1], the others in [0, 1]; 0 for an `UNKNOWN` character.
        c_before: (L, H), the cells before the step.
        h_before, h: (L, H), the outputs h of the layers before and after the step.
        logits_after: (V,), the prediction after the step; None where the model has read nothing.
        clamps: the cells that were clamped in the step.
    """

    token: TokenTrace
    gates: Floats
    c_before: Floats
    h_before: Floats
    h: Floats
    logits_after: Floats | None
    clamps: Clamps


class _Saved(NamedTuple):
    """The state before a position, and the prediction of the character there."""

    position: int
    state: LSTMState
    logits: Floats | None


class TextTrace:
    """Traces a text, which may change. All methods are safe in any thread.

    The text is read from a state of zeros, as after a line end.

    Args:
        skip_start: read no line end before the text: its first character then has no prediction, as in a prompt that
            the engine reads.
        precision: "int8" or "float32"; None is the default of the model, see `Engine`.

    Attributes:
        ids: (T,) int64, the text so far; `UNKNOWN` for characters that the model does not have.
        precision: "int8" or "float32".
    """

    def __init__(self, lm: LanguageModel, *, skip_start: bool = False, precision: Precision | None = None) -> None:
        self.lm = lm
        self.ids = np.zeros(0, np.int64)
        self.precision: Precision = precision or default_precision(lm)
        self._backend = lm.make_backend(1, self.precision)
        self._lock = threading.RLock()
        self._zeros = LSTMState.zeros(lm.config, device=lm.device)
        self._start_id = None if skip_start else lm.tokenizer.start_id
        self._clamps: Stretches = ()
        self._distance = _MIN_DISTANCE
        self._saved: list[_Saved] = []
        self._position = 0
        self._logits: Floats | None = None  # the prediction of the character at the position
        self._restart()

    def __len__(self) -> int:
        return len(self.ids)

    def set_text(self, text: str, clamps: Stretches = ()) -> int:
        """Sets the text; returns how many characters at its beginning are unchanged and need not be read again.

        Args:
            clamps: (position, clamps) in order: the cells that are clamped from each position on. Position -1 is the
                character that is read before the text.
        """
        ids = self.lm.tokenizer.lookup(text)
        with self._lock:
            length = min(len(self.ids), len(ids))
            changed = np.flatnonzero(self.ids[:length] != ids[:length])
            unchanged = int(changed[0]) if len(changed) else length
            unchanged = min(unchanged, _first_change(self._clamps, clamps, otherwise=unchanged))
            self.ids, self._clamps = ids, tuple(clamps)
            if unchanged < 0:
                self._restart()
                return 0
            self._saved = [saved for saved in self._saved if saved.position <= unchanged]
            if self._position > unchanged:
                self._restore(self._saved[-1])
            return unchanged

    def approach(self, position: int, most: int) -> bool:
        """Reads at most `most` characters on the way to a position; returns whether few characters are left to read.

        The other methods read all of them at once, which takes seconds for a long text.
        """
        with self._lock:
            self._go_to(position, most)
            return position - self._position <= self._distance

    def tokens(self, start: int = 0) -> Iterator[TokenTrace]:
        """Yields the characters from a position to the end, each read when it is requested."""
        for position in range(start, len(self.ids)):
            with self._lock:
                self._go_to(position)  # another thread may have moved it meanwhile
                token = self._read_next()
            yield token

    def state_after(self, position: int) -> LSTMState:
        """Returns the state after the character at a position."""
        with self._lock:
            self._go_to(position + 1)
            return self._backend.state(0)

    def step(self, position: int) -> StepTrace:
        """Returns all values of the step at a position; -1 is the character that was read before the text, if any.

        Raises:
            IndexError: the text has no such position.
        """
        if not (0 if self._start_id is None else -1) <= position < len(self.ids):
            raise IndexError(f"position is {position}: the text has {len(self.ids)} characters")
        with self._lock:
            current = self._current()
            if position < 0:
                self._backend.load(0, self._zeros)
            else:
                self._go_to(position)
            before = self._backend.state(0)
            token = self._read_next() if position >= 0 else self._read_start()
            after, logits = self._backend.state(0), self._logits
            self._restore(current)  # so that an iteration over `tokens` continues without a replay
        gates = np.zeros((len(before.h), 4, before.h.shape[-1]), np.float32)
        if token.id != UNKNOWN:
            for layer in range(len(gates)):
                below = after.h[layer - 1] if layer else before.h[0]
                gates[layer] = self._backend.gates(layer, np.array([token.id]), below, before.h[layer])[0]
        c_before, h_before, h = (tensor[:, 0].cpu().numpy() for tensor in (before.c, before.h, after.h))
        return StepTrace(token, gates, c_before, h_before, h, logits, self.clamps_at(position))

    def gates(self, layer: int, start: int = 0, end: int | None = None) -> Floats:
        """Returns the gates i, f, g, o of a layer at each character, (T, 4, H); 0 for `UNKNOWN` characters.

        Args:
            start, end: the positions of the characters; None is the end of the text.
        """
        ids = self.ids[start:end]
        befores, belows = [], []
        with self._lock:
            for position in range(start, start + len(ids)):
                self._go_to(position)
                before = self._backend.state(0)
                self._read_next()
                befores.append(before.h[layer])
                belows.append(self._backend.state(0).h[layer - 1] if layer else before.h[layer])
        if not befores:
            return np.zeros((0, 4, self.lm.config.hidden_size), np.float32)
        gates = self._backend.gates(layer, np.maximum(ids, 0), torch.cat(belows), torch.cat(befores))
        return np.where((ids != UNKNOWN)[:, None, None], gates, np.float32(0))

    def clamps_at(self, position: int) -> Clamps:
        """Returns the cells that are clamped in the step that reads the character at a position."""
        return clamps_at(self._clamps, position)

    def _restart(self) -> None:
        self._backend.load(0, self._zeros)
        self._read_start()
        self._saved = [self._current()]

    def _read_start(self) -> TokenTrace:
        """Reads the character before the text, if there is one. The backend must hold the state of zeros."""
        self._position, self._logits = 0, None if self._start_id is None else self._read(self._start_id, -1)
        id_ = UNKNOWN if self._start_id is None else self._start_id
        return TokenTrace(position=-1, id=id_, logits=None, cells=self._backend.cells(0))

    def _go_to(self, position: int, most: int | None = None) -> None:
        """Moves to a position: reads the characters before it, at most `most`, from here or the nearest saved state."""
        if self._position == position:
            return
        saved = max((each for each in self._saved if each.position <= position), key=lambda each: each.position)
        if not saved.position <= self._position <= position:
            self._restore(saved)
        left = position - self._position
        for _ in range(left if most is None else min(most, left)):
            self._read_next()

    def _current(self) -> _Saved:
        return _Saved(self._position, self._backend.state(0), self._logits)

    def _restore(self, saved: _Saved) -> None:
        self._backend.load(0, saved.state)
        self._position, self._logits = saved.position, saved.logits

    def _read_next(self) -> TokenTrace:
        position, logits = self._position, self._logits
        token = int(self.ids[position])
        if token != UNKNOWN:
            self._logits = self._read(token, position)
        self._position += 1
        self._save()
        return TokenTrace(position=position, id=token, logits=logits, cells=self._backend.cells(0))

    def _read(self, token: int, position: int) -> Floats:
        clamps = self.clamps_at(position)
        logits: Floats = self._backend.forward(_SLOT, np.array([token], np.int64), [clamps] if clamps else ())[0]
        return logits

    def _save(self) -> None:
        """Saves the current state if it is due; halves the number of saved states when there are too many."""
        if self._position % self._distance or self._position <= self._saved[-1].position:
            return
        self._saved.append(self._current())
        if len(self._saved) > _MAX_SAVED:
            self._distance *= 2
            self._saved = [saved for saved in self._saved if saved.position % self._distance == 0]


def _first_change(old: Stretches, new: Stretches, *, otherwise: int) -> int:
    """Returns the first position whose clamps have changed, or `otherwise` if there is none."""
    for before, after in zip_longest(old, new):
        if before != after:
            return min(each[0] for each in (before, after) if each)
    return otherwise
