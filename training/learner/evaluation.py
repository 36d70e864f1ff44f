"""The loss on held-out text, under two protocols that give different numbers, and its 95 % interval.

`carried`: one pass over the whole text with the LSTM state carried, as the model is used. `cold256`: consecutive
windows of 256 characters, each from a zero state, as nanoGPT measures; compare only this number with nanoGPT's.

A 5-gram counter is the baseline with which a loss is compared. It predicts each character from how often it followed
the four characters before it in the training text. Counts of shorter sequences are mixed in after Witten and Bell
(1991): characters that have not yet followed a context get as much weight as the context has distinct followers,
distributed as the next shorter context predicts. Chen and Goodman (1999) use this as a baseline; the discounts of
Kneser and Ney do not suit an alphabet, whose counts of counts are too irregular. It takes about a second for a million
characters.

Shapes: N characters of the text, B rows, T characters of a row that are read at once, V vocabulary.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from model import LSTMNetwork, LSTMState
from model.int8.weights import Int8Weights, step

from ..corpus.ids_file import Ids

Losses = npt.NDArray[np.float32]
SAMPLE_LENGTH = 240  # characters of the sample that follows each evaluation
COLD_WINDOW = 256
_UNUSABLE = 1e3  # nats; a finite number, because JSON has no infinity
_CHUNK = 256  # characters of a row that are read at once
_LOGITS = 1 << 25  # logits in memory at once, at most: shorter chunks where the vocabulary is huge
BLOCK = 1000  # characters that `interval` resamples together, at most
_MIN_BLOCKS = 20  # a shorter text gets shorter blocks, because few blocks cannot show a spread
_REPEATS = 2000
ORDER = 5  # length of the longest counted sequence, with the predicted character
NGRAM_CHARACTERS = 2_000_000  # of the training text that are counted: its last ones


@dataclass(frozen=True)
class Chunk:
    """A part of a text that is read in rows; see `read_in_rows`."""

    positions: npt.NDArray[np.int64]  # (B, T) in the text
    # (B, T) true for a row's own positions; the others are warm-up, or padding at the end of the last row
    counted: npt.NDArray[np.bool_]
    follows_warm_up: bool  # whether the rows' own parts begin with this chunk

    def state_before(self, state: LSTMState | None) -> LSTMState | None:
        """Returns the state after the previous chunk, with the first row's set to zero where the text begins."""
        if state is not None and self.follows_warm_up:
            state.h[:, 0] = 0
            state.c[:, 0] = 0
        return state


def read_in_rows(count: int, rows: int, context: int, max_characters: int) -> Iterator[Chunk]:
    """Cuts a text into rows that are read side by side, which is many times faster than one pass.

    Args:
        count: characters to read.
        rows: the number of rows, at most; fewer where a row's own part would be shorter than twice its warm-up.
        context: characters before its own part that each row reads first, as a warm-up, so that its state is nearly
            that of one pass: an LSTM forgets what is further back.
        max_characters: characters of all rows that are read at once, at most.

    Yields:
        chunks, from the first column of the rows to the last; every position is counted once.
    """
    rows = max(1, min(rows, count // (2 * context)))
    size, warm = -(-count // rows), context if rows > 1 else 0
    width = max(1, min(_CHUNK, max_characters // rows))
    first = np.arange(rows)[:, None] * size
    for start, end in itertools.pairwise(sorted({*range(-warm, size, width), 0, size})):
        positions = first + np.arange(start, end)
        counted = (positions < count) & (start >= 0)
        yield Chunk(positions.clip(0, count - 1), counted, follows_warm_up=start == 0)


def bits(nats: float) -> float:
    """Returns a loss of `nats` in bits."""
    return nats / math.log(2)


def interval(losses: npt.NDArray[np.floating]) -> tuple[float, float]:
    """Returns the 95 % interval of the mean of `losses`, by a circular block bootstrap; the same losses give the same.

    Losses of neighbouring characters are correlated (a rare name, a change of scene), so blocks of 1,000 characters are
    resampled instead of single characters; the text is treated as a ring so that every character counts equally (Künsch
    1989; Politis and Romano 1992). The interval estimates how the loss varies on other passages of the same text, not
    on other texts, and not between two trainings.

    Args:
        losses: (N,) in the order of the text.
    """
    count = len(losses)
    size = max(1, min(BLOCK, count // _MIN_BLOCKS))
    ring = np.concatenate(([0.0], np.cumsum(np.concatenate((losses, losses[:size])), dtype=np.float64)))
    sums = ring[size : size + count] - ring[:count]  # (N,) sum of the block that begins at each character
    starts = np.random.default_rng(0).integers(count, size=(_REPEATS, -(-count // size)))
    low, high = np.quantile(sums[starts].mean(axis=1) / size, [0.025, 0.975])
    return float(low), float(high)


def carried_losses(network: LSTMNetwork, ids: Ids, *, rows: int = 1, context: int = 1024) -> Losses:
    """Returns the loss in nats of each character after the first, (N - 1,), in one pass with the state carried.

    Args:
        network: in evaluation mode.
        ids: (N,); the first is read and not predicted.
        rows: 1 reads the text in one pass. More rows are faster, and the losses differ by some 1e-6.
        context: characters that each row but the first reads before its own part.
    """
    losses, state = np.zeros(max(0, len(ids) - 1), np.float32), None
    with torch.inference_mode():
        for chunk in read_in_rows(len(losses), rows, context, _LOGITS // network.config.vocab_size):
            logits, state = network(_tensor(ids[chunk.positions], network), chunk.state_before(state))
            found = _losses(logits, _tensor(ids[chunk.positions + 1], network)).cpu().numpy()
            losses[chunk.positions[chunk.counted]] = found[chunk.counted]
    return losses


def cold_losses(network: LSTMNetwork, ids: Ids, *, window: int = COLD_WINDOW, rows: int = 128) -> Losses:
    """Returns the loss in nats of each character of consecutive windows, each read from a zero state.

    The rest after the last whole window is not read; a text shorter than a window is read as one window.

    Args:
        network: in evaluation mode.
        ids: (N,).
        window: characters in a window.
        rows: windows that are read side by side, which changes the speed only.
    """
    count = (len(ids) - 1) // window
    rows = max(1, min(rows, _LOGITS // (window * network.config.vocab_size)))
    if count < 1:
        return carried_losses(network, ids)
    inputs = ids[: count * window].reshape(count, window)
    targets = ids[1 : count * window + 1].reshape(count, window)
    losses = np.empty((count, window), np.float32)
    with torch.inference_mode():
        for start in range(0, count, rows):
            part = slice(start, start + rows)
            logits, _ = network(_tensor(inputs[part], network))
            losses[part] = _losses(logits, _tensor(targets[part], network)).cpu().numpy()
    return losses.ravel()


def int8_cost(network: LSTMNetwork, ids: Ids, *, window: int = 32, rows: int = 128) -> float:
    """Returns the loss of int8 inference less that of float32, in nats per character.

    Both read the same windows, each from a zero state. The difference is paired, so 4,096 characters are enough to
    distinguish a cost of 0.001 nats from 0.

    Args:
        ids: (N,); `rows` windows from its beginning are read, or as many as there are.

    Returns:
        the cost; 1,000 for weights that 8 bits cannot hold.
    """
    window = min(window, len(ids) - 1)
    count = min(rows, (len(ids) - 1) // window)
    read = torch.from_numpy(ids[: count * window + 1].astype(np.int64))
    inputs, targets = read[:-1].view(count, window), read[1:].view(count, window)
    with np.errstate(all="ignore"):
        config, weights = network.config, Int8Weights.quantize(network)
    zeros = LSTMState.zeros(config, count)
    h, c, total = zeros.h.to(torch.int8), zeros.c, 0.0
    with torch.inference_mode():
        for at in range(window):
            logits, h, c = step(weights, inputs[:, at], h, c)
            total += float(_losses(logits, targets[:, at]).sum(dtype=torch.float64))
        logits, _ = network(inputs.to(network.output.weight.device))
        # On the CPU, because MPS has no float64.
        exact = float(_losses(logits.cpu(), targets).sum(dtype=torch.float64))
    cost = (total - exact) / targets.numel()
    return min(cost, _UNUSABLE) if math.isfinite(cost) else _UNUSABLE


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Returns the loss in nats of each target (…), from logits (…, V)."""
    return F.cross_entropy(logits.float().flatten(0, -2), targets.flatten(), reduction="none").view(targets.shape)


def _tensor(ids: Ids, network: LSTMNetwork) -> Tensor:
    """Returns ids as int64 on the network's device."""
    return torch.from_numpy(ids.astype(np.int64)).to(network.output.weight.device)


def ngram_loss(train: Ids, held_out: Ids, vocab_size: int) -> float:
    """Returns the mean loss in nats per character on the held-out text, whose first character is not predicted.

    Args:
        train: (N,) ids, of which the last `NGRAM_CHARACTERS` are counted.
        held_out: (M,) ids to predict, each from the four ids before it in this same text.
        vocab_size: number of distinct ids.
    """
    counted, read = train[-NGRAM_CHARACTERS:].astype(np.int64), held_out.astype(np.int64)
    chance = np.full(len(read), 1 / vocab_size)
    # A context is a number: its place in the sorted n-grams of the round before. All begin with the empty one, 0; one
    # of the held-out text that no character follows in the training text is -1.
    counted_contexts, read_contexts = np.zeros(len(counted), np.int64), np.zeros(len(read), np.int64)
    for length in range(1, min(ORDER, len(counted), len(read)) + 1):
        # The first characters of a text have no context of this length: they keep the chance from the shorter one.
        keys = counted_contexts * vocab_size + counted[length - 1 :]
        ngrams, places, times = np.unique(keys, return_inverse=True, return_counts=True)
        context_times = np.bincount(ngrams // vocab_size, weights=times)  # how often any character follows a context
        followers = np.bincount(ngrams // vocab_size)  # how many distinct characters do
        wanted = read_contexts * vocab_size + read[length - 1 :]
        place = np.searchsorted(ngrams, wanted).clip(max=len(ngrams) - 1)
        is_counted = (ngrams[place] == wanted) & (read_contexts >= 0)
        at = np.flatnonzero(read_contexts >= 0)
        context = read_contexts[at]
        own, shorter = np.where(is_counted, times[place], 0)[at], followers[context] * chance[at + length - 1]
        chance[at + length - 1] = (own + shorter) / (context_times[context] + followers[context])
        # The n-gram that ends at a character is the context of the next character, if anything follows it.
        counted_contexts = places[:-1].astype(np.int64)
        is_followed = np.isin(place, counted_contexts)
        read_contexts = np.where(is_counted & is_followed, place, -1)[:-1]
    return float(-np.log(chance[1:]).mean())
