"""The network in training: the same weights and the same ``nn.LSTM``, with locked dropout between its parts.

``nn.LSTM`` draws a new mask at every character. A locked (variational) mask is drawn once a row a window, so
that a cell is out for a whole stretch of text: Gal and Ghahramani 2016; Merity, Keskar, Socher 2017. From the last
also weight dropout (DropConnect, Wan et al. 2013): single weights that read the state are out, for all rows of a step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from model import LSTMNetwork, LSTMState

from .recipe import Recipe


class DroppedNetwork:
    """Runs a network's layers one by one, with dropout on what goes in, between them and out.

    Args:
        network: whose weights are used; nothing is copied.
        recipe: the four rates.
        rows: which rows of the recipe's batch are read here; None for all of any batch.
    """

    def __init__(self, network: LSTMNetwork, recipe: Recipe, rows: slice | None = None) -> None:
        self._network = network
        self._batch, self._rows = recipe.batch, rows
        self._layers = [_one_layer(weights) for weights in network.lstm.all_weights]
        self._read = [weights[1] for weights in network.lstm.all_weights]  # (4H, H): what reads the state
        self._weight_rate = recipe.dropout_weights
        self._rates = [recipe.dropout_in, *[recipe.dropout_between] * (len(self._layers) - 1), recipe.dropout_out]

    def __call__(self, ids: Tensor, state: LSTMState, random: Generator) -> tuple[Tensor, LSTMState]:
        """Logits (B, T, V) and the state after the last character, for ids (B, T); masks come from ``random``."""
        x = self._drop(self._network.embedding(ids), self._rates[0], random)  # (B, T, E)
        h, c = [], []
        for layer, lstm in enumerate(self._layers):
            row = slice(layer, layer + 1)
            before = (state.h[row].to(x.dtype), state.c[row].to(x.dtype))
            x, (h_n, c_n) = functional_call(lstm, self._thinned(layer, random), (x, before))  # x (B, T, H)
            x = self._drop(x, self._rates[layer + 1], random)
            h.append(h_n)
            c.append(c_n)
        return self._network.output(x), LSTMState(torch.cat(h).float(), torch.cat(c).float())

    def _drop(self, x: Tensor, rate: float, random: Generator) -> Tensor:
        """Masks are drawn for the whole batch, so that a row has the same however many processes share it."""
        if rate == 0:
            return x
        batch = len(x) if self._rows is None else self._batch
        mask = torch.empty(batch, 1, x.shape[2], device=x.device).bernoulli_(1 - rate, generator=random)
        mask = mask if self._rows is None else mask[self._rows]
        return x * (mask / (1 - rate)).to(x.dtype)

    def _thinned(self, layer: int, random: Generator) -> dict[str, Tensor]:
        """What of a layer's weights is another in this step."""
        if self._weight_rate == 0:
            return {}
        weight = self._read[layer]
        # A random byte a weight, eight at once: a tenth of what drawing each by itself takes.
        eights = torch.empty(-(-weight.numel() // 8), dtype=torch.int64, device=weight.device)
        bytes_ = eights.random_(-(2**63), None, generator=random).view(torch.uint8)[: weight.numel()]
        out = round(256 * self._weight_rate)
        return {"weight_hh_l0": weight * (bytes_ >= out).view_as(weight) * (256 / (256 - out))}


def _one_layer(weights: Sequence[Tensor]) -> nn.LSTM:
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    lstm = nn.LSTM(weight_ih.shape[1], weight_hh.shape[1], batch_first=True, device="meta")
    lstm.weight_ih_l0, lstm.weight_hh_l0 = weight_ih, weight_hh
    lstm.bias_ih_l0, lstm.bias_hh_l0 = bias_ih, bias_hh
    return lstm
