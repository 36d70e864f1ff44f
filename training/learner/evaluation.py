"""The loss on held-out text, under two protocols that must not be mixed up.

``carried``: one pass over the whole text with the state carried, as the model is used. ``cold256``: consecutive
windows of 256 characters, each from a zero state, as nanoGPT measures: compare with that only.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from model import LSTMNetwork, LSTMState
from model.int8.weights import Int8Weights, step

from ..corpus.ids_file import Ids

Losses = npt.NDArray[np.float32]
Counted = npt.NDArray[np.bool_]
LOOKED_AT = 200_000  # characters of the validation split that a run reads at each evaluation, at most
SAMPLE = 240  # characters that it then writes
COLD_WINDOW = 256
_HOPELESS = 1e3  # nats; a number, because JSON knows no infinity
_CHUNK = 256  # characters a row read at once
_LOGITS = 1 << 25  # numbers at most that predictions may take at once: fewer characters where the vocabulary is huge


def carried(network: LSTMNetwork, ids: Ids, *, rows: int = 1, context: int = 1024) -> float:
    """Mean loss in nats a character of one pass with the state carried; see ``carried_losses``."""
    return mean(carried_losses(network, ids, rows=rows, context=context))


def cold(network: LSTMNetwork, ids: Ids, *, window: int = COLD_WINDOW, rows: int = 128) -> float:
    """Mean loss in nats a character of windows that each begin from a zero state; see ``cold_losses``."""
    return mean(cold_losses(network, ids, window=window, rows=rows))


def mean(losses: Losses) -> float:
    """Summed in float64; NaN when nothing was predicted."""
    return float(losses.mean(dtype=np.float64)) if len(losses) else math.nan


def carried_losses(network: LSTMNetwork, ids: Ids, *, rows: int = 1, context: int = 1024) -> Losses:
    """Loss in nats of each character after the first, (N - 1,), in one pass with the state carried.

    Args:
        network: in evaluation mode.
        ids: (N,), of which the first is only read.
        rows: 1 is the definition. More read the text as that many streams side by side, each warmed up on the
            ``context`` characters before it: many times faster, and the same to some 1e-6, since an LSTM
            forgets what is further back.
        context: characters read before each stream but the first, at most.
    """
    if len(ids) < 2:
        return np.zeros(0, np.float32)
    rows = max(1, min(rows, (len(ids) - 1) // (2 * context)))
    size = -(-(len(ids) - 1) // rows)
    warm = context if rows > 1 else 0
    # Each row is [warm-up | its own stretch]; the first row's warm-up and the last row's end are padding.
    starts = np.arange(rows) * size - warm
    index = starts[:, None] + np.arange(warm + size + 1)
    counted = (index[:, 1:] > np.arange(rows)[:, None] * size) & (index[:, 1:] < len(ids))
    read = torch.from_numpy(ids[np.clip(index, 0, len(ids) - 1)].astype(np.int64))
    if rows > 1:  # the first row has nothing before it: its state is set back to zeros where its own part begins
        return _read(network, read, counted, zero_first_row_at=warm)
    return _read(network, read, counted)


def cold_losses(network: LSTMNetwork, ids: Ids, *, window: int = COLD_WINDOW, rows: int = 128) -> Losses:
    """Loss in nats of each character of consecutive windows, each from a zero state; a last part window is left out.

    Args:
        network: in evaluation mode.
        ids: (N,).
        window: characters a window.
        rows: windows read side by side, for speed only.
    """
    count = (len(ids) - 1) // window
    rows = max(1, min(rows, _LOGITS // (window * network.config.vocab_size)))
    if count == 0:
        return carried_losses(network, ids)
    inputs = torch.from_numpy(ids[: count * window].astype(np.int64)).view(count, window)
    targets = torch.from_numpy(ids[1 : count * window + 1].astype(np.int64)).view(count, window)
    losses = np.empty((count, window), np.float32)
    with torch.inference_mode():
        for start in range(0, count, rows):
            part = slice(start, start + rows)
            logits, _ = network(_on(network, inputs[part]))
            losses[part] = _losses(logits, _on(network, targets[part])).cpu().numpy()
    return losses.ravel()


def int8_cost(network: LSTMNetwork, ids: Ids, *, window: int = 32, rows: int = 128) -> float:
    """What writing in the one arithmetic of 8 bits costs, in nats a character: its loss less that in float32.

    Both read the same windows, each from a zero state. The difference is paired, so that 4,096 characters
    tell a cost of 0.001 nats from none.

    Args:
        network: in evaluation mode.
        ids: (N,); ``rows`` windows from its beginning are read, or as many as there are.
        window: characters a window, fewer if the text is shorter.

    Returns:
        the cost; ``_HOPELESS`` for weights that 8 bits cannot hold.
    """
    window = min(window, len(ids) - 1)
    count = min(rows, (len(ids) - 1) // max(1, window))
    if count == 0:
        return math.nan
    read = torch.from_numpy(ids[: count * window + 1].astype(np.int64))
    inputs, targets = read[:-1].view(count, window), read[1:].view(count, window)
    with np.errstate(all="ignore"):
        config, weights = network.config, Int8Weights.of(network)
    zeros = LSTMState.zeros(config, count)
    h, c, total = zeros.h.to(torch.int8), zeros.c, 0.0
    with torch.inference_mode():
        for at in range(window):
            logits, h, c = step(weights, inputs[:, at], h, c)
            total += float(_losses(logits, targets[:, at]).sum(dtype=torch.float64))
        logits, _ = network(_on(network, inputs))
        exact = float(_losses(logits, _on(network, targets)).sum(dtype=torch.float64))
    cost = (total - exact) / targets.numel()
    return min(cost, _HOPELESS) if math.isfinite(cost) else _HOPELESS


def _read(network: LSTMNetwork, read: Tensor, counted: Counted, zero_first_row_at: int = 0) -> Losses:
    """The losses of rows (B, T + 1) that are counted (B, T), row after row."""
    losses, state = np.empty(counted.shape, np.float32), None
    chunk = max(1, min(_CHUNK, _LOGITS // (len(read) * network.config.vocab_size)))
    cuts = sorted({*range(0, read.shape[1] - 1, chunk), zero_first_row_at, read.shape[1] - 1})
    with torch.inference_mode():
        for start, end in itertools.pairwise(cuts):
            if state is not None and start == zero_first_row_at and zero_first_row_at:
                state.h[:, 0] = 0
                state.c[:, 0] = 0
            logits, state = network(_on(network, read[:, start:end]), state)
            losses[:, start:end] = _losses(logits, _on(network, read[:, start + 1 : end + 1])).cpu().numpy()
    return losses[counted]


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.float().flatten(0, -2), targets.flatten(), reduction="none").view(targets.shape)


def _on(network: LSTMNetwork, ids: Tensor) -> Tensor:
    return ids.to(network.embedding.weight.device)
