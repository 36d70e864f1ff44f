"""Other character models, each in the plainest PyTorch, with the recipes that their authors give.

They share no code with the project. Shapes: B rows, T characters, V vocabulary, C channels.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Peer(nn.Module):
    """Predicts the next character.

    Attributes:
        window: the most characters that it can see; None if it carries a state from one call to the next.
        batch, length: rows, and characters of each, in a training step.
        rate: the learning rate at a share of the training, from 0 to 1.
    """

    window: int | None = None
    batch, length = 32, 64
    weight_decay, betas = 0.0, (0.9, 0.999)

    def rate(self, progress: float) -> float:
        return 2e-3

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Returns logits (B, T, V) after each of the characters ids (B, T), and the state after the last."""
        raise NotImplementedError


def cosine(progress: float, *, high: float, low: float, warm_up: float) -> float:
    """Returns a learning rate that rises linearly and falls along half a cosine."""
    if progress < warm_up:
        return high * (progress + 1e-3) / (warm_up + 1e-3)
    return low + (high - low) * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up))) / 2


class Lecture(Peer):
    """nn.LSTM with the state carried, Adam at a fixed rate: how a lecture on recurrent networks trains one."""

    def __init__(self, vocab: int, channels: int = 384) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, 64)
        self.lstm = nn.LSTM(64, channels, batch_first=True)
        self.output = nn.Linear(channels, vocab)

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        h, state = self.lstm(self.embedding(ids), state)
        return self.output(h), state


class MinGRULayer(nn.Module):
    """h[t] = (1 - z[t]) h[t-1] + z[t] g(t), where z and g depend on x[t] alone (Feng et al. 2024, minGRU).

    All T values come from one cumulative sum of logarithms.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.z_and_g = nn.Linear(channels, 2 * channels)

    def forward(self, x: Tensor, log_h: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns h (B, T, C) and the logarithm of the last one (B, 1, C)."""
        k, g = self.z_and_g(x).chunk(2, -1)
        log_g = torch.where(g >= 0, (F.relu(g) + 0.5).log(), -F.softplus(-g))  # of a g that is above 0
        start = torch.full_like(log_g[:, :1], math.log(0.5)) if log_h is None else log_h
        terms = torch.cat([start, log_g - F.softplus(-k)], 1)
        kept = F.pad(-F.softplus(k), (0, 0, 1, 0)).cumsum(1)
        log_h = (kept + (terms - kept).logcumsumexp(1))[:, 1:]
        return log_h.exp(), log_h[:, -1:]


class MinGRU(Peer):
    """Three layers of minGRU with residual connections, and about as many parameters as `Lecture`."""

    def __init__(self, vocab: int, channels: int = 320, layers: int = 3) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, channels)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(layers + 1))
        self.layers = nn.ModuleList(MinGRULayer(channels) for _ in range(layers))
        self.output = nn.Linear(channels, vocab)

    def rate(self, progress: float) -> float:
        return cosine(progress, high=3e-3, low=1e-4, warm_up=0.02)

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        x, states = self.embedding(ids), []
        for index, (norm, layer) in enumerate(zip(self.norms, self.layers, strict=False)):
            h, log_h = layer(norm(x), state[index] if state else None)
            x = x + h
            states.append(log_h)
        return self.output(self.norms[-1](x)), states


class Block(nn.Module):
    """Causal self-attention and a two-layer network, each after a norm and with a residual connection."""

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm1, self.norm2 = nn.LayerNorm(channels, bias=False), nn.LayerNorm(channels, bias=False)
        self.qkv, self.mixed = nn.Linear(channels, 3 * channels, bias=False), nn.Linear(channels, channels, bias=False)
        self.up, self.down = (
            nn.Linear(channels, 4 * channels, bias=False),
            nn.Linear(4 * channels, channels, bias=False),
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in self.qkv(self.norm1(x)).chunk(3, -1)
        )
        dropout = self.dropout if self.training else 0.0
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropout)
        x = x + self.drop(self.mixed(seen.transpose(1, 2).flatten(2)))
        return x + self.drop(self.down(F.gelu(self.up(self.norm2(x)))))


class NanoGPT(Peer):
    """A transformer with the sizes and rates that nanoGPT's README gives for characters on a CPU."""

    channels, layers, heads, dropout = 128, 4, 4, 0.0
    window, batch, length = 64, 12, 64
    weight_decay, betas = 0.1, (0.9, 0.99)
    warm_up = 0.05  # 100 of 2,000 steps

    def __init__(self, vocab: int) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(vocab, self.channels), nn.Embedding(self.window, self.channels)
        self.drop = nn.Dropout(self.dropout)
        self.blocks = nn.Sequential(*(Block(self.channels, self.heads, self.dropout) for _ in range(self.layers)))
        self.norm = nn.LayerNorm(self.channels, bias=False)
        self.output = nn.Linear(self.channels, vocab, bias=False)
        self.output.weight = self.embedding.weight
        for name, weight in self.named_parameters():
            if weight.ndim > 1:
                last = name.endswith(("mixed.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * self.layers) if last else 0.02)

    def rate(self, progress: float) -> float:
        return cosine(progress, high=1e-3, low=1e-4, warm_up=self.warm_up)

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        x = self.drop(self.embedding(ids) + self.position(torch.arange(ids.shape[1])))
        return self.output(self.norm(self.blocks(x))), state


class NanoGPTLarge(NanoGPT):
    """The sizes and rates of nanoGPT's recipe for characters on a GPU."""

    channels, layers, heads, dropout = 384, 6, 6, 0.2
    window, batch, length = 256, 64, 256
    warm_up = 0.02  # 100 of 5,000 steps


PEERS: dict[str, Callable[[int], Peer]] = {
    "nn.LSTM, Adam": Lecture,
    "minGRU": MinGRU,
    "nanoGPT, CPU recipe": NanoGPT,
    "nanoGPT, GPU recipe": NanoGPTLarge,
}
