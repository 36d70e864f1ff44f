"""A plain training loop for an LSTM, as in most tutorials: the baseline of this project's training speed.

``nn.LSTM`` over windows with the state carried, cross-entropy, clipped gradients, ``torch.optim.AdamW``, float32. It
shares no code with the project and does not change, so that ratios stay comparable from year to year.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.benchmarks.plain_way import PlainModel


def train(model: PlainModel, ids: Tensor, batch: int, window: int, lr: float = 2e-3) -> Iterator[float]:
    """Yields the loss of each step, without end, on ``batch`` streams of the text ids (N,) int64."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    streams = ids[: len(ids) // batch * batch].view(batch, -1)
    state, position = None, 0
    while True:
        if position + window + 1 > streams.shape[1]:
            state, position = None, 0
        inputs = streams[:, position : position + window]
        targets = streams[:, position + 1 : position + window + 1]
        output, (h, c) = model.lstm(model.embedding(inputs), state)
        loss = F.cross_entropy(model.output(output).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        state, position = (h.detach(), c.detach()), position + window
        yield loss.item()
