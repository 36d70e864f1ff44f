"""The bits of each character are those of the network's predictions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from model import score
from model.scoring import surprisal

TEXT = "To be, or not to be: that is the question.\n" * 3


@pytest.mark.parametrize("chunk", [1, 7, 128, 129, 4096])
def test_bits_equal_those_of_single_steps_whatever_the_size_of_the_chunks(lm, monkeypatch, chunk):
    ids, state, bits = [lm.tokenizer.start_id, *lm.tokenizer.encode(TEXT).tolist()], None, []
    for before, after in itertools.pairwise(ids):
        logits, state = lm.network.step(torch.tensor([before]), state)
        bits.append(-math.log2(float(logits[0].double().softmax(0)[after])))
    monkeypatch.setattr(surprisal, "_CHUNK", chunk)
    np.testing.assert_allclose(score(lm, TEXT).bits, bits, atol=1e-4)


def test_unknown_characters_are_skipped_marked_and_listed(lm):
    result = score(lm, "To é be😀é")
    assert np.flatnonzero(np.isnan(result.bits)).tolist() == [3, 7, 8]
    assert result.unknown == [("é", 3, 2), ("😀", 7, 1)]
    assert result.characters == 6
    known = score(lm, "To  be").bits
    np.testing.assert_allclose(result.bits[~np.isnan(result.bits)], known, atol=1e-6)
    assert result.bpc == pytest.approx(known.mean())
    for text in ("", "é", "\ud800\x00"):
        result = score(lm, text)
        assert (result.characters, len(result.bits)) == (0, len(text))
        assert np.isnan([result.bpc, result.nats]).all()
