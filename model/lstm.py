"""The network: one set of weights, and the two views of it that the lecture draws.

``forward`` runs ``nn.LSTM`` over whole sequences: for training and for scoring. ``step`` is a stack of
``nn.LSTMCell``, one character at a time: for writing. A test holds the two equal.

Knows tensors only; text, files and the Hub live elsewhere.

Shapes: B batch, T time, V vocabulary, E embedding, H hidden, L layers.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

MAX_PARAMETERS = 500_000_000  # 2 GB of float32; far beyond any character LSTM, far below a machine's end
_BOUNDS = {"vocab_size": 0x110000, "embedding_size": 8192, "hidden_size": 8192, "num_layers": 32}


@dataclass(frozen=True)
class LSTMConfig:
    """Sizes of the network, checked before anything is allocated.

    Raises:
        ValueError: a field is not a whole number within its bounds, or the network would be absurdly large.
    """

    vocab_size: int
    embedding_size: int = 64
    hidden_size: int = 512
    num_layers: int = 2

    def __post_init__(self) -> None:
        for field in fields(self):
            value, most = getattr(self, field.name), _BOUNDS[field.name]
            if type(value) is not int or not 1 <= value <= most:
                shown = "enormous" if type(value) is int and abs(value) >= 10**20 else reprlib.repr(value)
                raise ValueError(f"{field.name} is {shown}: it must be a whole number from 1 to {most:,}")
        if self.parameters > MAX_PARAMETERS:
            raise ValueError(
                f"hidden_size {self.hidden_size} with num_layers {self.num_layers} and a vocabulary of "
                f"{self.vocab_size:,} makes {self.parameters:,} parameters: at most {MAX_PARAMETERS:,} are allowed"
            )

    @property
    def parameters(self) -> int:
        """How many numbers the network learns."""
        return sum(rows * columns for rows, columns in self._matrices())

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of each tensor in a checkpoint, as ``nn.LSTM`` names them."""
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

    def _matrices(self) -> list[tuple[int, int]]:
        return [(shape[0], shape[1] if len(shape) == 2 else 1) for shape in self.shapes().values()]


@dataclass(frozen=True)
class LSTMState:
    """(h_n, c_n): all that the network remembers of the text so far, a few kilobytes however long it was.

    Attributes:
        h: (L, B, H) float, the outputs of the last step, in [-1, 1].
        c: (L, B, H) float, the cells.
    """

    h: Tensor
    c: Tensor

    @classmethod
    def zeros(cls, config: LSTMConfig, batch: int = 1, *, device: torch.device | str = "cpu") -> LSTMState:
        """Before the first character: nothing remembered."""
        shape = (config.num_layers, batch, config.hidden_size)
        return cls(torch.zeros(shape, device=device), torch.zeros(shape, device=device))

    @classmethod
    def cat(cls, states: Sequence[LSTMState]) -> LSTMState:
        """Several states side by side, as the rows of one batch."""
        return cls(torch.cat([s.h for s in states], dim=1), torch.cat([s.c for s in states], dim=1))

    @property
    def batch(self) -> int:
        return self.h.shape[1]

    def rows(self, rows: int | slice | Sequence[int] | Tensor) -> LSTMState:
        """Some rows of the batch, in that order, copied. A single number keeps the dimension: (L, 1, H)."""
        if isinstance(rows, slice):
            return LSTMState(self.h[:, rows].clone(), self.c[:, rows].clone())
        index = torch.as_tensor([rows] if isinstance(rows, int) else rows, device=self.h.device)
        return LSTMState(self.h[:, index], self.c[:, index])

    def copy(self) -> LSTMState:
        return LSTMState(self.h.clone(), self.c.clone())

    def detach(self) -> LSTMState:
        """The same numbers, cut off from the graph: where truncated backpropagation truncates."""
        return LSTMState(self.h.detach(), self.c.detach())

    def to(self, device: torch.device | str) -> LSTMState:
        return LSTMState(self.h.to(device), self.c.to(device))

    def save(self, path: Path | str) -> None:
        """Writes both tensors to one safetensors file."""
        save_file({"h": self.h.detach().cpu().contiguous(), "c": self.c.detach().cpu().contiguous()}, path)

    @classmethod
    def load(cls, path: Path | str, config: LSTMConfig) -> LSTMState:
        """Reads what ``save`` wrote.

        Raises:
            ValueError: the file is damaged, or is not a state of a network of this size.
        """
        name = Path(path).name
        try:
            tensors = load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{name} is not a saved state: {' '.join(str(error).split()):.160}") from None
        sizes = (config.num_layers, config.hidden_size)
        for tensor in (tensors.get("h"), tensors.get("c")):
            if tensor is None or tensor.ndim != 3 or (tensor.shape[0], tensor.shape[2]) != sizes:
                raise ValueError(f"{name} is not a state of {config.num_layers} layers of {config.hidden_size} cells")
        if len(tensors) != 2 or tensors["h"].shape != tensors["c"].shape:
            raise ValueError(f"{name} must hold h and c of one shape, and nothing else")
        if not all(tensor.dtype == torch.float32 and tensor.isfinite().all() for tensor in tensors.values()):
            raise ValueError(f"{name} must hold finite numbers in float32")
        return cls(tensors["h"], tensors["c"])


class LSTMNetwork(nn.Module):
    """Characters in, a prediction of the next character out.

    Embedding (V, E) → L layers of LSTM with H cells → linear (V, H).
    """

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.config = config
        vectors = torch.empty(config.vocab_size, config.embedding_size)
        if not vectors.is_meta:  # where nothing is stored, drawing would import torch's compiler: a second for nothing
            vectors.normal_()
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size, _weight=vectors)
        self.lstm = nn.LSTM(config.embedding_size, config.hidden_size, config.num_layers, batch_first=True)
        self.output = nn.Linear(config.hidden_size, config.vocab_size)
        self._open_forget_gates()

    def _open_forget_gates(self) -> None:
        # A forget gate that starts open (bias 1) lets the gradient travel from the first step on:
        # Jozefowicz, Zaremba, Sutskever 2015. The second bias of each gate adds nothing: it starts at 0.
        hidden = self.config.hidden_size
        with torch.no_grad():
            for _, _, bias_ih, bias_hh in self.lstm.all_weights:
                bias_ih.zero_()
                bias_hh.zero_()
                bias_ih[hidden : 2 * hidden] = 1.0

    def forward(
        self, ids: Tensor, state: LSTMState | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, LSTMState]:
        """Reads whole sequences at once.

        Args:
            ids: (B, T) int64.
            state: where to go on from; None is a memory of zeros.
            lengths: (B,) int64 on the CPU, at least 1 each, when rows are padded at their ends. The state
                returned is then that after each row's own last character.

        Returns:
            logits (B, T, V), the prediction after each character, and the state after the last one.
        """
        x = self.embedding(ids)  # (B, T, E)
        start = None if state is None else (state.h, state.c)
        if lengths is None:
            y, (h, c) = self.lstm(x, start)  # y (B, T, H)
        else:
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            y, (h, c) = self.lstm(packed, start)
            y, _ = pad_packed_sequence(y, batch_first=True, total_length=ids.shape[1])
        return self.output(y), LSTMState(h, c)

    def step(
        self, ids: Tensor, state: LSTMState | None = None, clamps: Sequence[tuple[int, int, float]] = ()
    ) -> tuple[Tensor, LSTMState]:
        """Reads one character a row: the unrolled drawing, one box at a time.

        Args:
            ids: (B,) int64.
            state: the memory before this character; None is a memory of zeros.
            holds: cells (layer, number, value) that are held at a value, in all rows.

        Returns:
            logits (B, V) and the state after this character.
        """
        state = state or LSTMState.zeros(self.config, len(ids), device=ids.device)
        x = self.embedding(ids)  # (B, E)
        h, c = [], []
        for layer, weights in enumerate(self.lstm.all_weights):
            # What nn.LSTMCell.forward calls; the layer above reads this layer's h.
            shown, cells = torch.lstm_cell(x, (state.h[layer], state.c[layer]), *weights)
            for _, cell, value in (hold for hold in clamps if hold[0] == layer):
                cells[:, cell] = value
                shown[:, cell] = self.gates(layer, x, state.h[layer])[:, 3, cell] * cells[:, cell].tanh()
            x = shown
            h.append(x)
            c.append(cells)
        return self.output(x), LSTMState(torch.stack(h), torch.stack(c))

    def gates(self, layer: int, x: Tensor, h: Tensor) -> Tensor:
        """The gates with which a layer reads, to look at.

        Args:
            layer: which.
            x: (B, E) or (B, H), what it is given: the character's vector, or h of the layer below after it.
            h: (B, H), its own h before.

        Returns:
            (B, 4, H): i, f, g, o.
        """
        weight_ih, weight_hh, bias_ih, bias_hh = self.lstm.all_weights[layer]
        i, f, g, o = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=1)
        return torch.stack([i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()], dim=1)

    def cells(self) -> list[nn.LSTMCell]:
        """The layers as ``nn.LSTMCell`` modules that share this network's weights; nothing is copied."""
        cells = []
        for weight_ih, weight_hh, bias_ih, bias_hh in self.lstm.all_weights:
            cell = nn.LSTMCell(weight_ih.shape[1], self.config.hidden_size, device="meta")
            cell.weight_ih, cell.weight_hh = weight_ih, weight_hh
            cell.bias_ih, cell.bias_hh = bias_ih, bias_hh
            cells.append(cell)
        return cells
