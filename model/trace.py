"""Reading a text as the engine does, to look at what the network expects and remembers at each of its characters.

A reading keeps a memory now and then rather than all of them: any character is come back to by a short replay. It
works in the precision that writes, so what it shows of a reply is what there was when the reply was written, bit
for bit.

Shapes: T time, V vocabulary, H hidden, L layers.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .backends.backend import Precision
from .char_lstm import CharLSTM
from .clamps import Clamps
from .engine.blend import Blend
from .engine.engine import default_precision
from .engine.sequence import Memory
from .int8.weights import gates_of
from .lstm import LSTMState

_ROW = np.zeros(1, np.int64)
_PLACES = 64  # memories kept, at most, however long the text: a replay is a sixty-fourth of it, or shorter
_APART = 32  # characters between two of them, at least
UNKNOWN = -1

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TokenTrace:
    """One character as it was read.

    Attributes:
        position: in the text.
        id: of the character; ``UNKNOWN`` if the model does not know it, which then read nothing.
        expected: (V,) logits of what was expected here; None where nothing had been read before.
        cells: (L, H) after it.
    """

    position: int
    id: int
    logits: Floats | None
    cells: Floats

    @property
    def bits(self) -> float:
        """-log2 of its probability; NaN where it has none."""
        if self.logits is None or self.id == UNKNOWN:
            return float("nan")
        logits = self.logits.astype(np.float64)
        most = float(logits.max())
        return (most + float(np.log(np.exp(logits - most).sum())) - float(logits[self.id])) / float(np.log(2.0))


@dataclass(frozen=True)
class StepTrace:
    """One character, looked at closely.

    Attributes:
        seen: the character.
        gates: (L, 4, H) of i, f, g, o as it was read, g in [-1, 1], the others in [0, 1].
        before: (L, H), the cells before it.
        h_before, h: (L, H), what each layer showed of itself before and after it.
        expects: (V,) logits of what is expected after it; None where nothing has been read.
        clamps: the cells that were held as it was read.
    """

    token: TokenTrace
    gates: Floats
    c_before: Floats
    h_before: Floats
    h: Floats
    logits_after: Floats | None
    clamps: Clamps


@dataclass(frozen=True)
class _Place:
    """Where a reading stood before a character."""

    position: int
    state: LSTMState
    logits: Floats | None


class TextTrace:
    """A text that is being read, and may grow or be cut. Its methods may be called from any thread.

    Args:
        lm: who reads.
        start: the memory to begin with; None is a memory of zeros, the text's first character as after a line end.
        blank: without a memory, read nothing before the first character, so that nothing is expected of it: how the
            engine reads a prompt.
        precision: "int8" or "float32"; None is what the engine would choose.

    Attributes:
        ids: (T,) int64 of the text so far, ``UNKNOWN`` for what the model does not know.
    """

    def __init__(
        self,
        lm: CharLSTM | Blend,
        start: Memory | None = None,
        *,
        skip_start: bool = False,
        precision: Precision | None = None,
    ) -> None:
        self.lm = lm
        self.ids = np.zeros(0, np.int64)
        self._arithmetic: Precision = precision or default_precision(lm)
        self._backend = lm.backend(1, self._arithmetic)
        self._lock = threading.RLock()
        self._state = start.state if start else LSTMState.zeros(lm.config, device=lm.device)
        self._before = start.last_id if start else None if skip_start else lm.tokenizer.start_id
        self._holds: list[tuple[int, Clamps]] = []
        self._apart = _APART
        self._places: list[_Place] = []
        self._begin()

    def __len__(self) -> int:
        return len(self.ids)

    def set_text(self, text: str, clamps: Sequence[tuple[int, Clamps]] = ()) -> int:
        """Makes this its text. Returns how many characters at its beginning are those that it had.

        Args:
            text: what it is now.
            clamps: the cells that were held as it was read: each from a position on, in order; -1 is what was read
                before the text.
        """
        ids = self.lm.tokenizer.lookup(text)
        with self._lock:
            changed = _first_change(self._holds, clamps)
            self._holds = list(clamps)
            both = min(len(self.ids), len(ids))
            other = np.flatnonzero(self.ids[:both] != ids[:both])
            same = int(other[0]) if len(other) else both
            self.ids = ids
            if changed is not None:
                same = min(same, changed)
            if same < 0:
                self._begin()
                return 0
            self._places = [place for place in self._places if place.position <= same]
            if self._position > same:
                self._go_to(self._places[-1])
            return same

    def tokens(self, start: int = 0) -> Iterator[TokenTrace]:
        """The characters from a position to the end, each read when it is asked for."""
        for position in range(start, len(self.ids)):
            with self._lock:
                self._reach(position)  # someone else may have looked elsewhere meanwhile
                seen = self._next()
            yield seen

    def state_after(self, position: int) -> LSTMState:
        """The state after a character."""
        with self._lock:
            self._reach(position + 1)
            return self._backend.state(0)

    def step(self, position: int) -> StepTrace:
        """One character closely; -1 is the one that was read before the text, if one was.

        Raises:
            IndexError: the text has no such position.
        """
        if not (0 if self._before is None else -1) <= position < len(self.ids):
            raise IndexError(f"position is {position}: the text has {len(self.ids)} characters")
        with self._lock:
            here = self._place()
            if position < 0:
                self._backend.load(0, self._state)
            else:
                self._reach(position)
            before, seen = self._backend.state(0), self._next() if position >= 0 else self._first()
            after, expects = self._backend.state(0), self._expected
            self._go_to(here)  # or whoever reads on would have to come back by a replay
        gates = np.zeros((len(before.h), 4, before.h.shape[-1]), np.float32)
        if seen.id != UNKNOWN:
            for layer in range(len(gates)):
                below = after.h[layer - 1] if layer else before.h[0]
                gates[layer] = self._gates(layer, np.array([seen.id]), [below], [before.h[layer]])[0]
        c, h_before, h = (tensor[:, 0].cpu().numpy() for tensor in (before.c, before.h, after.h))
        return StepTrace(seen, gates, c, h_before, h, expects, self._held_at(position))

    def gates(self, layer: int) -> Floats:
        """(T, 4, H): i, f, g, o of a layer as each character of the text was read; 0 where the model knew none."""
        befores, belows = [], []
        with self._lock:
            for position in range(len(self.ids)):
                self._reach(position)
                before = self._backend.state(0)
                self._next()
                befores.append(before.h[layer])
                belows.append(self._backend.state(0).h[layer - 1] if layer else before.h[layer])
        if not befores:
            return np.zeros((0, 4, self.lm.config.hidden_size), np.float32)
        known = self.ids != UNKNOWN
        gates = self._gates(layer, np.maximum(self.ids, 0), belows, befores)
        return np.where(known[:, None, None], gates, np.float32(0))

    def _begin(self) -> None:
        self._backend.load(0, self._state)
        self._first()
        self._places = [self._place()]

    def _first(self) -> TokenTrace:
        """Reads what comes before the text, from the state before that."""
        self._position, self._expected = 0, None if self._before is None else self._read(self._before, -1)
        return TokenTrace(-1, UNKNOWN if self._before is None else self._before, None, self._backend.cells(0))

    def _held_at(self, position: int) -> Clamps:
        at = bisect_right(self._holds, position, key=lambda each: each[0])
        return self._holds[at - 1][1] if at else ()

    def _reach(self, position: int) -> None:
        """Stands before a position, replaying from the nearest place there is."""
        if self._position == position:
            return
        place = max((each for each in self._places if each.position <= position), key=lambda each: each.position)
        if not place.position <= self._position <= position:
            self._go_to(place)
        while self._position < position:
            self._next()

    def _place(self) -> _Place:
        return _Place(self._position, self._backend.state(0), self._expected)

    def _go_to(self, place: _Place) -> None:
        self._backend.load(0, place.state)
        self._position, self._expected = place.position, place.logits

    def _next(self) -> TokenTrace:
        position, expected = self._position, self._expected
        token = int(self.ids[position])
        if token != UNKNOWN:
            self._expected = self._read(token, position)
        self._position += 1
        self._keep()
        return TokenTrace(position, token, expected, self._backend.cells(0))

    def _keep(self) -> None:
        position = self._position
        if position % self._apart or position <= self._places[-1].position:
            return
        self._places.append(self._place())
        if len(self._places) > _PLACES:
            self._apart *= 2
            self._places = [place for place in self._places if place.position % self._apart == 0]

    def _read(self, token: int, position: int) -> Floats:
        held = self._held_at(position)
        logits: Floats = self._backend.forward(_ROW, np.array([token], np.int64), [held] if held else ())[0]
        return logits

    def _gates(self, layer: int, ids: npt.NDArray[np.int64], below: list[Tensor], before: list[Tensor]) -> Floats:
        """(T, 4, H): i, f, g, o of a layer as it read some characters.

        Args:
            layer: which.
            ids: (T,).
            below: T of (1, H), h of the layer below after each of them; not used in the first layer.
            before: T of (1, H), the layer's own h before each.
        """
        lm, own_layer = self.lm, layer
        if isinstance(lm, Blend):
            lm, own_layer, ids = lm.part(layer, ids)
        network, hidden = lm.network, lm.config.hidden_size
        weights = lm.int8_weights() if self._arithmetic == "int8" else None
        tensors = (torch.from_numpy(ids), torch.cat(before)[:, :hidden], torch.cat(below)[:, :hidden])
        read, own, under = (tensor.to(lm.device) for tensor in tensors)
        with torch.inference_mode():
            if weights is not None:
                gates = gates_of(weights, own_layer, read, under if own_layer else None, own)
            else:
                gates = network.gates(own_layer, under if own_layer else network.embedding(read), own)
        found: Floats = gates.float().cpu().numpy()
        return np.pad(found, ((0, 0), (0, 0), (0, self.lm.config.hidden_size - hidden)))


def _first_change(old: Sequence[tuple[int, Clamps]], new: Sequence[tuple[int, Clamps]]) -> int | None:
    """The first position that is read with other cells held; None is that there is none."""
    for at in range(max(len(old), len(new))):
        one, other = old[at : at + 1], new[at : at + 1]
        if list(one) != list(other):
            return min(each[0] for each in (*one, *other))
    return None
