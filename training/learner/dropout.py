"""Locked dropout between the layers of the network in training, and weight dropout inside them.

`nn.LSTM` would draw a new mask at every character. A locked (variational) mask is drawn once per row and window, so
that a cell is zero for a whole window: Gal and Ghahramani 2016; Merity, Keskar, Socher 2017. Weight dropout
(DropConnect, Wan et al. 2013), as Merity et al. use it, sets single recurrent weights to zero, for all rows of a step.

Shapes: B batch, T time, V vocabulary, E embedding, H hidden, L layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from model import LSTMNetwork, LSTMState

from .recipe import Recipe


class DroppedNetwork:
    """Runs a network layer by layer, with dropout on the embedding, between the layers and before the output.

    Args:
        network: its weights are used and trained; nothing is copied.
        recipe: the four dropout rates, and the number of rows in the whole batch.
        rows: the rows of the batch that this process reads; None when a call reads its whole batch, of any size.
    """

    def __init__(self, network: LSTMNetwork, recipe: Recipe, rows: slice | None = None) -> None:
        self._network = network
        self._batch, self._rows = recipe.batch, rows
        self._layers = [_one_layer(weights) for weights in network.lstm.all_weights]
        self._recurrent = [weights[1] for weights in network.lstm.all_weights]  # (4H, H) each
        self._weight_rate = recipe.dropout_weights
        self._rates = [recipe.dropout_in, *[recipe.dropout_between] * (len(self._layers) - 1), recipe.dropout_out]

    def __call__(self, ids: Tensor, state: LSTMState, random: Generator) -> tuple[Tensor, LSTMState]:
        """Returns logits (B, T, V) and the state after the last character of ids (B, T); `random` draws the masks."""
        x = self._drop(self._network.embedding(ids), self._rates[0], random)  # (B, T, E)
        h, c = [], []
        for layer, lstm in enumerate(self._layers):
            only = slice(layer, layer + 1)
            before = (state.h[only].to(x.dtype), state.c[only].to(x.dtype))
            x, (h_n, c_n) = functional_call(lstm, self._masked_weights(layer, random), (x, before))  # x (B, T, H)
            x = self._drop(x, self._rates[layer + 1], random)
            h.append(h_n)
            c.append(c_n)
        return self._network.output(x), LSTMState(torch.cat(h).float(), torch.cat(c).float())

    def _drop(self, x: Tensor, rate: float, random: Generator) -> Tensor:
        """Applies locked dropout to x (B, T, E or H).

        Masks are drawn for the whole batch, so a row's mask does not depend on how many processes share the batch.
        """
        if rate == 0:
            return x
        batch = len(x) if self._rows is None else self._batch
        mask = torch.empty(batch, 1, x.shape[2], device=x.device).bernoulli_(1 - rate, generator=random)
        mask = mask if self._rows is None else mask[self._rows]
        return x * (mask / (1 - rate)).to(x.dtype)

    def _masked_weights(self, layer: int, random: Generator) -> dict[str, Tensor]:
        """Returns the layer's recurrent weights with this step's mask; {} without weight dropout."""
        if self._weight_rate == 0:
            return {}
        weight = self._recurrent[layer]
        dropped = round(256 * self._weight_rate)
        mask = _random_bytes(weight.numel(), weight.device, random) >= dropped
        return {"weight_hh_l0": weight * mask.view_as(weight) * (256 / (256 - dropped))}


def _random_bytes(count: int, device: torch.device, random: Generator) -> Tensor:
    """Returns random bytes, (count,) uint8."""
    if device.type == "mps":  # which draws no int64 from the full range
        return torch.empty(count, dtype=torch.uint8, device=device).random_(0, 256, generator=random)
    # One int64 is drawn for eight bytes: a tenth of the time of one draw for each byte.
    eights = torch.empty(-(-count // 8), dtype=torch.int64, device=device)
    return eights.random_(-(2**63), None, generator=random).view(torch.uint8)[:count]


def _one_layer(weights: Sequence[Tensor]) -> nn.LSTM:
    """Returns an `nn.LSTM` of one layer that uses these weights."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    lstm = nn.LSTM(weight_ih.shape[1], weight_hh.shape[1], batch_first=True, device="meta")
    lstm.weight_ih_l0, lstm.weight_hh_l0 = weight_ih, weight_hh
    lstm.bias_ih_l0, lstm.bias_hh_l0 = bias_ih, bias_hh
    return lstm
