"""Two models that write together: what each expects next, mixed over the characters that they share.

Both read all that is written, each with a memory of its own. log p = (1 - share) log p1 + share log p2, up to a
constant that no draw depends on: so it is the logits that are mixed, in a few roundings, and the text is as exactly
that of its seed as one model's. An engine and a ``Reading`` use a blend like any model.

Shapes: B slots, V shared characters; L layers and H hidden of each model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..backends.backend import Backend, Indices, Logits, Precision, choose
from ..char_lstm import CharLSTM
from ..clamps import Clamps
from ..lstm import LSTMConfig, LSTMState
from ..named_cells import Cell
from ..settings import SamplingParams, shorten
from ..tokenizer import CharTokenizer

DEFAULT_SHARE = 0.5


class Blend:
    """Two models as one.

    Args:
        first: one of them; it gives the order of the shared characters.
        second: the other.
        share: how much the second has a say, from 0 to 1, unless a request says otherwise.

    Attributes:
        tokenizer: of the characters that both know.
        ids: of these characters in each model, (V,) int64.
        config: sizes of the state of both, one's layers on the other's, the narrower filled up with zeros.

    Raises:
        ValueError: they share no character, or the share is no such number.
    """

    def __init__(self, first: CharLSTM, second: CharLSTM, share: float = DEFAULT_SHARE) -> None:
        real = isinstance(share, int | float) and not isinstance(share, bool)
        if not real or not 0 <= share <= 1:
            raise ValueError(f"share is {shorten(share)}: it must be a number from 0 to 1")
        known = set(second.tokenizer.vocab)
        shared = [character for character in first.tokenizer.vocab if character in known]
        if not shared:
            raise ValueError(f"{first.name} and {second.name} share no character: they cannot write together")
        self.models = (first, second)
        self.share = float(share)
        self.tokenizer = CharTokenizer(shared)
        self.ids = [model.tokenizer.lookup("".join(shared)) for model in self.models]
        sizes = [model.config for model in self.models]
        hidden, layers = max(each.hidden_size for each in sizes), sum(each.num_layers for each in sizes)
        self.config = LSTMConfig(len(shared), 1, hidden, layers)
        self.name = f"{first.name} + {second.name}"
        self.commit: str | None = None  # it has two, if any
        self.notice = ""
        self.cells: tuple[Cell, ...] = ()
        self.device = torch.device("cpu")  # where its states are; each model writes where it is
        # Only where both write turns in the same way does a blend.
        self.chat = first.chat if first.chat == second.chat else None
        costs = [model.training.get("int8_cost") for model in self.models]
        self.training: dict[str, Any] = {
            "int8_cost": max((cost for cost in costs if isinstance(cost, int | float)), default=0.0)
        }

    def part(self, layer: int, ids: Indices) -> tuple[CharLSTM, int, Indices]:
        """The model that a layer is of, its layer, and its own ids for some shared characters."""
        of_first = self.models[0].config.num_layers
        at = int(layer >= of_first)
        return self.models[at], layer - at * of_first, self.ids[at][ids]

    def at(self, share: float) -> Blend:
        """The same two, with another share."""
        return Blend(*self.models, share)

    def without_weights(self) -> Blend:
        """What is left of it when nothing is to be written any more."""
        first, second = (model.without_weights() for model in self.models)
        return Blend(first, second, self.share)

    def backend(self, slots: int, precision: Precision) -> Backend:
        """What writes with them, see ``stepper``."""
        return _BlendBackend(self, [model.backend(slots, precision) for model in self.models])


class _BlendBackend:
    """A stepper for each model; a slot of the blend is the same slot of both."""

    def __init__(self, blend: Blend, backends: Sequence[Backend]) -> None:
        self._share = blend.share
        self._steppers = backends
        self._ids = blend.ids
        self._sizes = [(model.config.num_layers, model.config.hidden_size) for model in blend.models]
        self._shape = blend.config.num_layers, 1, blend.config.hidden_size

    def load(self, slot: int, state: LSTMState) -> None:
        for backend, part in zip(self._steppers, self._parts(), strict=True):
            backend.load(slot, LSTMState(state.h[part].contiguous(), state.c[part].contiguous()))

    def state(self, slot: int) -> LSTMState:
        h, c = torch.zeros(self._shape), torch.zeros(self._shape)
        for backend, part in zip(self._steppers, self._parts(), strict=True):
            state = backend.state(slot)
            h[part], c[part] = state.h.float().cpu(), state.c.float().cpu()
        return LSTMState(h, c)

    def cells(self, slot: int) -> Logits:
        cells: Logits = self.state(slot).c[:, 0].numpy()
        return cells

    def prefill(self, slots: Indices, ids: Indices) -> None:
        self._in_both(slots, lambda backend, known: backend.prefill(slots, known[ids]))

    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Logits:
        return self._mixed(slots, ids, np.full(len(slots), self._share), clamps)

    def decode(
        self,
        slots: Indices,
        ids: Indices,
        params: list[SamplingParams],
        numbers: list[int],
        clamps: Sequence[Clamps] = (),
    ) -> list[int]:
        shares = np.array([self._share if each.share is None else each.share for each in params], np.float64)
        return choose(self._mixed(slots, ids, shares, clamps), params, numbers)

    def _mixed(self, slots: Indices, ids: Indices, shares: npt.NDArray[np.float64], clamps: Sequence[Clamps]) -> Logits:
        """(B, V): each product, their sum and the result are rounded once, float64 but for the last."""
        if any(clamps):
            raise ValueError("the cells of a blend cannot be held")
        first, second = self._in_both(slots, lambda backend, known: backend.forward(slots, known[ids])[:, known])
        share = shares[:, None]
        mixed: Logits = ((1.0 - share) * first.astype(np.float64) + share * second.astype(np.float64)).astype(
            np.float32
        )
        return mixed

    def _in_both(self, slots: Indices, action: Callable[[Backend, Indices], Logits | None]) -> list[Logits]:
        """What an action gives for each; if the second fails, the first is put back: a step has changed all or none."""
        first, second = self._steppers
        before = [(slot, first.state(slot)) for slot in slots.tolist()]
        told = [action(first, self._ids[0])]
        try:
            told.append(action(second, self._ids[1]))
        except Exception:
            for slot, state in before:
                first.load(slot, state)
            raise
        return [each for each in told if each is not None]

    def _parts(self) -> Iterator[tuple[slice, slice, slice]]:
        """Where in the state of both each one's stands."""
        start = 0
        for layers, hidden in self._sizes:
            yield slice(start, start + layers), slice(None), slice(hidden)
            start += layers
