"""The network: an embedding, `nn.LSTM` and a linear layer, after Hochreiter & Schmidhuber 1997 with forget gates.

Two methods use the same weights. `LSTMNetwork.forward` runs `nn.LSTM` over whole sequences, for training and scoring.
`LSTMNetwork.step` runs a stack of `nn.LSTMCell`, one character at a time, for generation.

Shapes: B batch, T time, V vocabulary, E embedding, H hidden, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from .settings import UsageError, check_value

MAX_PARAMETERS = 500_000_000  # 2 GB in float32: far larger than any character LSTM, and fits on most machines
MAX_SIZES = {"vocab_size": 0x110000, "embedding_size": 8192, "hidden_size": 8192, "num_layers": 32}
SIZES = ("embedding_size", "hidden_size", "num_layers")  # of the network, without its vocabulary


@dataclass(frozen=True)
class LSTMConfig:
    """The sizes of a network, checked before any memory is allocated.

    Attributes:
        vocab_size: V, 1 to 1,114,112 (all code points).
        embedding_size, hidden_size: E and H, 1 to 8192.
        num_layers: L, 1 to 32.

    Raises:
        UsageError: a field is not an int within its bounds, or there would be over 500 million parameters.
    """

    vocab_size: int
    embedding_size: int = 64
    hidden_size: int = 512
    num_layers: int = 2

    def __post_init__(self) -> None:
        for field in fields(self):
            check_value(field.name, getattr(self, field.name), int, 1, MAX_SIZES[field.name])
        if self.parameters > MAX_PARAMETERS:
            raise UsageError(
                f"hidden_size {self.hidden_size} with num_layers {self.num_layers} and a vocabulary of "
                f"{self.vocab_size:,} makes {self.parameters:,} parameters: at most {MAX_PARAMETERS:,} are allowed"
            )

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        return sum(math.prod(shape) for shape in self.shapes().values())

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Returns the name and shape of each tensor of a checkpoint, as `nn.LSTM` names them."""
        shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (self.vocab_size, self.embedding_size)}
        for layer in range(self.num_layers):
            inputs = self.embedding_size if layer == 0 else self.hidden_size
            shapes[f"lstm.weight_ih_l{layer}"] = (4 * self.hidden_size, inputs)
            shapes[f"lstm.weight_hh_l{layer}"] = (4 * self.hidden_size, self.hidden_size)
            shapes[f"lstm.bias_ih_l{layer}"] = (4 * self.hidden_size,)
            shapes[f"lstm.bias_hh_l{layer}"] = (4 * self.hidden_size,)
        shapes["output.weight"] = (self.vocab_size, self.hidden_size)
        shapes["output.bias"] = (self.vocab_size,)
        return shapes


@dataclass(frozen=True)
class LSTMState:
    """(h_n, c_n), everything that the network keeps of the text so far: a few kilobytes for a text of any length.

    Attributes:
        h: (L, B, H) float, the outputs of the last step, in [-1, 1].
        c: (L, B, H) float, the cells.
    """

    h: Tensor
    c: Tensor

    @classmethod
    def zeros(cls, config: LSTMConfig, batch: int = 1, *, device: torch.device | str = "cpu") -> LSTMState:
        """Returns the state before the first character, (L, batch, H) float32 of zeros."""
        shape = (config.num_layers, batch, config.hidden_size)
        return cls(torch.zeros(shape, device=device), torch.zeros(shape, device=device))

    def to(self, device: torch.device | str) -> LSTMState:
        """Returns the state on a device."""
        return LSTMState(self.h.to(device), self.c.to(device))


class LSTMNetwork(nn.Module):
    """Predicts the next character: embedding (V, E), L layers of LSTM with H cells, linear (V, H).

    Args:
        config: the sizes. The weights are drawn from torch's global generator.
    """

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.config = config
        vectors = torch.empty(config.vocab_size, config.embedding_size)
        if not vectors.is_meta:  # drawing on the meta device imports torch's compiler, which takes a second
            vectors.normal_()
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size, _weight=vectors)
        self.lstm = nn.LSTM(config.embedding_size, config.hidden_size, config.num_layers, batch_first=True)
        self.output = nn.Linear(config.hidden_size, config.vocab_size)
        # A forget gate that starts open (bias 1) lets the gradient through from the first step on: Jozefowicz, Zaremba
        # & Sutskever 2015. nn.LSTM has two biases per gate; the second adds nothing and starts at 0.
        with torch.no_grad():
            for _, _, bias_ih, bias_hh in self.lstm.all_weights:
                bias_ih.zero_()
                bias_hh.zero_()
                bias_ih[config.hidden_size : 2 * config.hidden_size] = 1.0

    def forward(self, ids: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
        """Reads whole sequences, ids (B, T) int64, with `nn.LSTM`.

        Returns the logits after each character, (B, T, V), and the state after the last one. No state is zeros.
        """
        x = self.embedding(ids)  # (B, T, E)
        y, (h, c) = self.lstm(x, None if state is None else (state.h, state.c))  # y (B, T, H)
        return self.output(y), LSTMState(h, c)

    def step(
        self, ids: Tensor, state: LSTMState | None = None, clamps: Sequence[tuple[int, int, float]] = ()
    ) -> tuple[Tensor, LSTMState]:
        """Reads one character of each sequence, ids (B,) int64, with `nn.LSTMCell`.

        Returns the logits after it, (B, V), and the state after it. No state is zeros. `clamps` are (layer, cell,
        value) of cells that are set to a value in all sequences.
        """
        state = state or LSTMState.zeros(self.config, len(ids), device=ids.device)
        x = self.embedding(ids)  # (B, E)
        h, c = [], []
        for layer, weights in enumerate(self.lstm.all_weights):
            # The function that nn.LSTMCell.forward calls. The layer above reads this layer's h.
            new_h, new_c = torch.lstm_cell(x, (state.h[layer], state.c[layer]), *weights)
            for _, cell, value in (clamp for clamp in clamps if clamp[0] == layer):
                new_c[:, cell] = value
                new_h[:, cell] = self.gates(layer, x, state.h[layer])[:, 3, cell] * new_c[:, cell].tanh()
            x = new_h
            h.append(x)
            c.append(new_c)
        return self.output(x), LSTMState(torch.stack(h), torch.stack(c))

    def gates(self, layer: int, x: Tensor, h: Tensor) -> Tensor:
        """Returns the gates i, f, g, o of a layer in one step, (B, 4, H).

        Args:
            layer: the layer, from 0.
            x: its input: the embedding (B, E) in the first layer, h of the layer below after the step (B, H) above it.
            h: (B, H), its own h before the step.
        """
        weight_ih, weight_hh, bias_ih, bias_hh = self.lstm.all_weights[layer]
        i, f, g, o = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=1)
        return torch.stack([i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()], dim=1)

    def cells(self) -> list[nn.LSTMCell]:
        """Returns the layers as `nn.LSTMCell` modules that share this network's weights."""
        cells = []
        for weight_ih, weight_hh, bias_ih, bias_hh in self.lstm.all_weights:
            cell = nn.LSTMCell(weight_ih.shape[1], self.config.hidden_size, device="meta")
            cell.weight_ih, cell.weight_hh = weight_ih, weight_hh
            cell.bias_ih, cell.bias_hh = bias_ih, bias_hh
            cells.append(cell)
        return cells
