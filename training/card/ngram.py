"""A baseline that says what a loss is worth: an n-gram model of order 5, trained and read on the very same split.

Counts of up to five characters, interpolated after Witten and Bell (1991): what a context has not yet been followed by
gets as much weight as it has had different followers, shared out as the next shorter context would. It is what Chen
and Goodman (1999) compare with, and what suits an alphabet, whose counts of counts are too irregular for Kneser
and Ney's discounts.

Ids come as arrays of any whole type and are read in one piece of bounded size, as arrays: a second for a million.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

ORDER = 5
MOST = 2_000_000  # characters that are counted: the last ones of the text to train on
Ids = npt.NDArray[np.integer]
_Keys = npt.NDArray[np.int64]


def ngram_loss(train: Ids, held_out: Ids, vocab_size: int, *, order: int = ORDER, most: int = MOST) -> float:
    """Mean loss in nats a character of the held-out text, of which the first character is only read.

    Args:
        train: (N,) ids to count; the last ``most`` of them are.
        held_out: (M,) ids to predict, each from the up to ``order - 1`` before it in this same text.
        vocab_size: how many characters there are.
        order: characters a count is of, at most: the predicted one and what stands before it.
        most: see ``train``.

    Returns:
        the loss; NaN when there is nothing to predict.
    """
    if len(held_out) < 2:
        return math.nan
    counted, read = train[-most:].astype(np.int64), held_out.astype(np.int64)
    # What stands before each character, as a number: 0 while the context is empty, -1 where it never occurs.
    before, asked = np.zeros(len(counted), np.int64), np.zeros(len(read), np.int64)
    chance = np.full(len(read), 1 / vocab_size)
    for length in range(1, min(order, len(counted), len(read)) + 1):
        # Of a text's first characters there are no contexts as long as this: they keep the shorter one's chance.
        grams, found, times = np.unique(
            before * vocab_size + counted[length - 1 :], return_inverse=True, return_counts=True
        )
        contexts = grams // vocab_size
        uses = np.bincount(contexts, weights=times)  # (contexts,) how often each is followed by something
        followers = np.bincount(contexts)  # by how many different ones
        wanted = np.where(asked < 0, -1, asked * vocab_size + read[length - 1 :])
        place = np.searchsorted(grams, wanted).clip(max=len(grams) - 1)
        seen = grams[place] == wanted
        known = np.flatnonzero(asked >= 0)
        context, at = asked[known], known + length - 1
        new = followers[context]
        chance[at] = (np.where(seen[known], times[place[known]], 0) + new * chance[at]) / (uses[context] + new)
        # The gram that ends at a character is the context of the next one, if it is followed by anything.
        before = found[:-1].astype(np.int64)
        followed = np.zeros(len(grams), bool)
        followed[before] = True
        asked = np.where(seen & followed[place], place, -1)[:-1]
    return float(-np.log(chance[1:]).mean())
