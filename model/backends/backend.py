"""The interface that the engine uses to run a network: states in slots, and one step over some of the slots.

A backend has a number of slots. A slot holds the LSTM state of one sequence. A step reads one character in each of B
slots and returns the logits of the next one. A step that raises an exception changes no state.

Shapes: B slots in a step, V vocabulary, H hidden, L layers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..clamps import Clamps
from ..int8 import sampling
from ..lstm import LSTMState
from ..settings import SamplingParams

Indices = npt.NDArray[np.int64]  # (B,), slots or ids
Floats = npt.NDArray[np.float32]


class Backend(ABC):
    """Runs one network over slots of state."""

    @abstractmethod
    def load(self, slot: int, state: LSTMState) -> None:
        """Puts a state, (L, 1, H), into a slot."""

    @abstractmethod
    def state(self, slot: int) -> LSTMState:
        """Returns a copy of the state in a slot, (L, 1, H)."""

    def cells(self, slot: int) -> Floats:
        """Returns a copy of the cells c in a slot, (L, H) float32."""
        cells: Floats = self.state(slot).c[:, 0].cpu().numpy()
        return cells

    @abstractmethod
    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Floats:
        """Reads one character per slot and returns the logits of the next one, (B, V) float32.

        Args:
            slots: (B,) int64, distinct.
            ids: (B,) int64, the characters to read.
            clamps: B tuples, the cells that are clamped in each slot during this step; () if no slot has any.
        """

    def prefill(self, slots: Indices, ids: Indices) -> None:
        """Reads one character of a prompt per slot. Arguments as in `forward`."""
        self.forward(slots, ids)

    def decode(
        self,
        slots: Indices,
        ids: Indices,
        params: list[SamplingParams],
        numbers: list[int],
        clamps: Sequence[Clamps] = (),
    ) -> list[int]:
        """Reads one character per slot, draws the next one and returns the B ids that were drawn.

        Args:
            slots, ids, clamps: as in `forward`.
            params: B, the sampling parameters of each slot.
            numbers: B random numbers in [0, 2^64), see `Randomness`.
        """
        logits = self.forward(slots, ids, clamps)
        return [sampling.choose(*each) for each in zip(logits, params, numbers, strict=True)]

    def most_characters(self, slots: int) -> int:  # noqa: ARG002  NumbaInt8Backend needs it
        """Returns how many characters `write` can draw for each of `slots` slots; 1 if it is not implemented."""
        return 1

    def write(
        self,
        slots: Indices,
        ids: Indices,
        params: list[SamplingParams],
        numbers: list[list[int]],
        clamps: Sequence[Clamps] = (),
    ) -> list[list[int]]:
        """Reads one character per slot, draws T, reads all of these except the last, and returns B lists of T ids.

        Args:
            slots, ids, params, clamps: as in `decode`; the clamps hold for each character.
            numbers: B lists of T random numbers.
        """
        raise NotImplementedError

    def written_state(self, row: int, position: int) -> LSTMState:
        """Returns the state before a character that the last `write` drew is read.

        Args:
            row: the position of the slot among those of the call.
            position: the position of the character among those drawn for the slot.
        """
        raise NotImplementedError


def clamps_by_layer(clamps: Sequence[Clamps]) -> dict[int, Floats]:
    """Returns the clamps of B slots by layer, (M, 3) float32: the position among the B, the cell and the value."""
    layers: dict[int, list[tuple[int, int, float]]] = {}
    for position, clamps_of_slot in enumerate(clamps):
        for layer, cell, value in clamps_of_slot:
            layers.setdefault(layer, []).append((position, cell, value))
    return {layer: np.array(entries, np.float32) for layer, entries in layers.items()}
