"""Computes the loss of a 5-gram counter on the same split: the baseline with which a loss is compared.

It predicts each character from how often it followed the four characters before it in the training text. Counts of
shorter sequences are mixed in after Witten and Bell (1991): characters that have not yet followed a context get as much
weight as the context has distinct followers, distributed as the next shorter context predicts. Chen and Goodman (1999)
use this as a baseline; the discounts of Kneser and Ney do not suit an alphabet, whose counts of counts are too
irregular. It takes about a second for a million characters.
"""

from __future__ import annotations

import numpy as np

from ..corpus.ids_file import Ids

ORDER = 5  # length of the longest counted sequence, with the predicted character
MAX_CHARACTERS = 2_000_000  # of the training text that are counted: its last ones


def ngram_loss(train: Ids, held_out: Ids, vocab_size: int) -> float:
    """Returns the mean loss in nats per character on the held-out text, whose first character is not predicted.

    Args:
        train: (N,) ids, of which the last `MAX_CHARACTERS` are counted.
        held_out: (M,) ids to predict, each from the four ids before it in this same text.
        vocab_size: number of distinct ids.
    """
    counted, read = train[-MAX_CHARACTERS:].astype(np.int64), held_out.astype(np.int64)
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
