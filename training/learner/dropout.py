"""Locked dropout between the layers of the network in training, and weight dropout inside them.

`nn.LSTM` would draw a new mask at every character. A locked (variational) mask is drawn once per row and window, so
that a cell is zero for a whole window: Gal and Ghahramani 2016; Merity, Keskar, Socher 2017. Weight dropout
(DropConnect, Wan et al. 2013), as Merity et al. use it, sets single recurrent weights to zero, for all rows of a step.

Shapes: B batch, T time, V vocabulary, E embedding, H hidden, L layers.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from model import LSTMNetwork, LSTMState

from .recipe import Recipe


def forward_with_dropout(
    network: LSTMNetwork, recipe: Recipe, rows: slice, ids: Tensor, state: LSTMState, random: Generator
) -> tuple[Tensor, LSTMState]:
    """Runs a network layer by layer, with dropout on the embedding, between the layers and before the output.

    Args:
        rows: those of the whole batch that `ids` and `state` have. Masks are drawn for the whole batch, so a row's mask
            does not depend on how many processes share the batch.
        ids: (B, T)
        random: draws the masks.

    Returns:
        logits (B, T, V), and the state after the last character.
    """

    def drop(x: Tensor, rate: float) -> Tensor:
        """Applies locked dropout to x (B, T, E or H)."""
        if rate == 0:
            return x
        mask = torch.empty(recipe.batch, 1, x.shape[2], device=x.device).bernoulli_(1 - rate, generator=random)
        return x * (mask[rows] / (1 - rate)).to(x.dtype)

    def drop_weights(weight: Tensor) -> Tensor:
        """Applies weight dropout with this step's mask to the recurrent weights of a layer, (4H, H)."""
        if recipe.dropout_weights == 0:
            return weight
        dropped = round(256 * recipe.dropout_weights)
        mask = _random_bytes(weight.numel(), weight.device, random) >= dropped
        return weight * mask.view_as(weight) * (256 / (256 - dropped))

    x = drop(network.embedding(ids), recipe.dropout_in)  # (B, T, E)
    rates = [recipe.dropout_between] * (network.config.num_layers - 1) + [recipe.dropout_out]
    h, c = [], []
    for layer, (weight_ih, weight_hh, *biases) in enumerate(network.lstm.all_weights):
        weights = [weight_ih, drop_weights(weight_hh), *biases]
        before = [each[layer : layer + 1].to(x.dtype) for each in (state.h, state.c)]
        # What `nn.LSTM` calls: has_biases, num_layers, dropout, train, bidirectional, batch_first. x is (B, T, H).
        x, h_n, c_n = torch.lstm(x, before, weights, True, 1, 0.0, True, False, True)
        x = drop(x, rates[layer])
        h.append(h_n)
        c.append(c_n)
    return network.output(x), LSTMState(torch.cat(h).float(), torch.cat(c).float())


def _random_bytes(count: int, device: torch.device, random: Generator) -> Tensor:
    """Returns random bytes, (count,) uint8."""
    if device.type == "mps":  # which draws no int64 from the full range
        return torch.empty(count, dtype=torch.uint8, device=device).random_(0, 256, generator=random)
    # One int64 is drawn for eight bytes: a tenth of the time of one draw for each byte.
    eights = torch.empty(-(-count // 8), dtype=torch.int64, device=device)
    return eights.random_(-(2**63), None, generator=random).view(torch.uint8)[:count]
