"""The bits of each character are those of the network's predictions."""

from __future__ import annotations

import itertools
import math
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from model import CharLSTM, score
from model.scoring import surprisal
from tests.support.tiny_models import tiny_model

TEXT = "To be, or not to be: that is the question.\n" * 3


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    return tiny_model()


def bits_one_by_one(lm: CharLSTM, text: str) -> list[float]:
    """Returns the bits from one step per character, after a line end."""
    ids = [lm.tokenizer.start_id, *lm.tokenizer.encode(text).tolist()]
    state, bits = None, []
    for before, after in itertools.pairwise(ids):
        logits, state = lm.network.step(torch.tensor([before]), state)
        bits.append(-math.log2(float(logits[0].double().softmax(0)[after])))
    return bits


def test_bits_equal_those_of_single_steps(lm):
    np.testing.assert_allclose(score(lm, TEXT).bits, bits_one_by_one(lm, TEXT), atol=1e-4)


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 128, 129, 130])
def test_the_size_of_the_chunks_has_no_effect(lm, monkeypatch, chunk):
    whole = score(lm, TEXT).bits
    monkeypatch.setattr(surprisal, "_CHUNK", chunk)
    np.testing.assert_allclose(score(lm, TEXT).bits, whole, atol=1e-4)


def test_a_huge_vocabulary_gets_shorter_chunks(lm, monkeypatch):
    """The logits of 4,096 characters may not fit into memory."""
    whole = score(lm, TEXT).bits
    monkeypatch.setattr(surprisal, "_MAX_LOGITS", 10 * 58)
    forward = Mock(wraps=lm.network.forward)
    monkeypatch.setattr(lm.network, "forward", forward)
    np.testing.assert_allclose(score(lm, TEXT).bits, whole, atol=1e-4)
    assert max(ids.shape[1] for (ids, *_), _ in forward.call_args_list) == 10


def test_unknown_characters_are_skipped_marked_and_listed(lm):
    result = score(lm, "To é be😀é")
    assert np.flatnonzero(np.isnan(result.bits)).tolist() == [3, 7, 8]
    assert result.unknown == [("é", 3, 2), ("😀", 7, 1)]
    assert result.characters == 6
    known = score(lm, "To  be").bits
    np.testing.assert_allclose(result.bits[~np.isnan(result.bits)], known, atol=1e-6)
    assert result.bpc == pytest.approx(known.mean())


@pytest.mark.parametrize("text", ["", "é", "\ud800\x00"])
def test_a_text_without_known_characters_has_no_mean(lm, text):
    result = score(lm, text)
    assert (result.characters, len(result.bits)) == (0, len(text))
    assert np.isnan([result.bpc, result.nats]).all()
