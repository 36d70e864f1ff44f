"""Two models that generate one text: their predictions are mixed over the characters that both have.

Both models read the whole text, each with its own state. The mixture is log p = (1 - share) log p1 + share log p2, up
to a constant that does not change the draw. So the logits are mixed, in float64 and in a fixed order, and a seed gives
the same text on any machine, as for one model. `Engine` and `TextTrace` use a blend like one model.

Shapes: B slots in a step, T characters, V shared characters, L layers and H hidden units of a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from ..backends.backend import Backend, Characters, Floats, Indices, choose
from ..char_lstm import CharLSTM
from ..checkpoint.record import TrainingRecord
from ..clamps import Clamps
from ..lstm import LSTMConfig, LSTMState
from ..named_cells import Cell
from ..settings import SETTINGS, Precision, SamplingParams, UsageError
from ..tokenizer import CharTokenizer

DEFAULT_SHARE = 0.5
_MAX_INT8_COST = 0.01  # nats per character; a model that loses more in int8 runs in float32


class Blend:
    """Two models as one, with the attributes of `CharLSTM`.

    Args:
        first: its vocabulary gives the order of the shared characters.
        second: the other model.
        share: the weight of the second model, 0 to 1; a request may choose another one.

    Attributes:
        tokenizer: the characters that both models have.
        ids: the ids of these characters in each model, two arrays (V,) int64.
        config: the sizes of the joint state: the layers of the first model, then those of the second; the narrower
            model's cells are padded with zeros.
        chat: the chat format, if both models have the same.

    Raises:
        UsageError: the models share no character, or `share` is not a number from 0 to 1.
    """

    def __init__(self, first: CharLSTM, second: CharLSTM, share: float = DEFAULT_SHARE) -> None:
        SETTINGS["share"].check(share)
        in_second = set(second.tokenizer.vocab)
        in_second -= {model.tokenizer.rare for model in (first, second)}  # replaces other characters in each model
        shared = [character for character in first.tokenizer.vocab if character in in_second]
        if not shared:
            raise UsageError(f"{first.name} and {second.name} share no character: they cannot write together")
        self.models = (first, second)
        self.share = float(share)
        self.tokenizer = CharTokenizer(shared)
        self.ids = [model.tokenizer.lookup("".join(shared)) for model in self.models]
        sizes = [model.config for model in self.models]
        hidden, layers = max(each.hidden_size for each in sizes), sum(each.num_layers for each in sizes)
        self.config = LSTMConfig(len(shared), 1, hidden, layers)
        self.name = f"{first.name} + {second.name}"
        self.commit: str | None = None  # each model has its own
        self.notice = ""
        self.cells: tuple[Cell, ...] = ()
        self.device = torch.device("cpu")  # the device of the joint state; each model computes on its own device
        self.chat = first.chat if first.chat == second.chat else None
        costs = [model.training.get("int8_cost", 0.0) for model in self.models]
        self.training: TrainingRecord = {"int8_cost": max(costs)}

    def without_weights(self) -> Blend:
        """Returns the blend of the two models without their weights."""
        first, second = (model.without_weights() for model in self.models)
        return Blend(first, second, self.share)

    def make_backend(self, slots: int, precision: Precision) -> Backend:
        """Returns a backend that runs both models."""
        return _BlendBackend(self, [model.make_backend(slots, precision) for model in self.models])


LanguageModel = CharLSTM | Blend


def default_precision(lm: LanguageModel) -> Precision:
    """Returns "int8", unless training measured that it costs this model more than `_MAX_INT8_COST`: then "float32"."""
    return "float32" if lm.training.get("int8_cost", 0.0) > _MAX_INT8_COST else "int8"


class _BlendBackend(Backend):
    """One backend per model; a slot of the blend is the same slot in both."""

    def __init__(self, blend: Blend, backends: Sequence[Backend]) -> None:
        self._share = blend.share
        self._backends = backends
        self._ids = blend.ids
        self._sizes = [(model.config.num_layers, model.config.hidden_size) for model in blend.models]
        self._shape = blend.config.num_layers, 1, blend.config.hidden_size

    def load(self, slot: int, state: LSTMState) -> None:
        for backend, part in zip(self._backends, self._parts(), strict=True):
            backend.load(slot, LSTMState(state.h[part].contiguous(), state.c[part].contiguous()))

    def state(self, slot: int) -> LSTMState:
        h, c = torch.zeros(self._shape), torch.zeros(self._shape)
        for backend, part in zip(self._backends, self._parts(), strict=True):
            state = backend.state(slot)
            h[part], c[part] = state.h.float().cpu(), state.c.float().cpu()
        return LSTMState(h, c)

    def prefill(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> None:  # noqa: ARG002  see `Engine`
        for backend, own_ids in zip(self._backends, self._ids, strict=True):
            backend.prefill(slots, own_ids[ids])

    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Floats:
        return self._mix(slots, ids, np.full(len(slots), self._share), clamps)

    def write(
        self,
        slots: Indices,
        ids: Indices,
        params: list[SamplingParams],
        numbers: list[list[int]],
        clamps: Sequence[Clamps] = (),
    ) -> Characters:
        shares = np.array([self._share if each.share is None else each.share for each in params], np.float64)
        return choose(self._mix(slots, ids, shares, clamps), params, numbers)

    def gates(self, layer: int, ids: Indices, below: torch.Tensor, before: torch.Tensor) -> Floats:
        first = self._sizes[0][0]
        at = int(layer >= first)
        hidden = self._sizes[at][1]
        own_ids, padding = self._ids[at][ids], self._shape[-1] - hidden
        gates = self._backends[at].gates(layer - at * first, own_ids, below[:, :hidden], before[:, :hidden])
        return np.pad(gates, ((0, 0), (0, 0), (0, padding)))

    def _mix(self, slots: Indices, ids: Indices, shares: npt.NDArray[np.float64], clamps: Sequence[Clamps]) -> Floats:
        """Returns the mixed logits, (B, V); the two products, their sum and the result are each rounded once."""
        if any(clamps):
            raise ValueError("the cells of a blend cannot be clamped")
        first, second = (
            backend.forward(slots, own_ids[ids])[:, own_ids].astype(np.float64)
            for backend, own_ids in zip(self._backends, self._ids, strict=True)
        )
        weight = shares[:, None]
        mixed: Floats = ((1.0 - weight) * first + weight * second).astype(np.float32)
        return mixed

    def _parts(self) -> Iterator[tuple[slice, slice, slice]]:
        """Yields the part of the joint state, (L, B, H), that belongs to each model."""
        start = 0
        for layers, hidden in self._sizes:
            yield slice(start, start + layers), slice(None), slice(hidden)
            start += layers
