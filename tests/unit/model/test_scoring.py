"""The bits of each character are those that the network's own predictions give."""

from __future__ import annotations

import importlib
import itertools
import math

import numpy as np
import pytest
import torch

from model import CharLSTM, score
from tests.support.tiny_models import tiny_model

TEXT = "To be, or not to be: that is the question.\n" * 3


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    return tiny_model()


def bits_one_by_one(lm: CharLSTM, text: str) -> list[float]:
    """The same by the other view: one step a character, from a line end on."""
    ids = [lm.tokenizer.start_id, *lm.tokenizer.encode(text).tolist()]
    state, bits = None, []
    for before, after in itertools.pairwise(ids):
        logits, state = lm.network.step(torch.tensor([before]), state)
        bits.append(-math.log2(float(logits[0].double().softmax(0)[after])))
    return bits


def test_bits_are_what_step_by_step_gives(lm):
    np.testing.assert_allclose(score(lm, TEXT).bits, bits_one_by_one(lm, TEXT), atol=1e-4)


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 128, 129, 130])
def test_where_the_reading_is_cut_does_not_matter(lm, monkeypatch, chunk):
    whole = score(lm, TEXT).bits
    monkeypatch.setattr(importlib.import_module("model.scoring"), "_CHUNK", chunk)
    np.testing.assert_allclose(score(lm, TEXT).bits, whole, atol=1e-4)


def test_a_huge_vocabulary_is_read_in_smaller_pieces(lm, monkeypatch):
    """A prediction has one number a character of the vocabulary: 4,096 of them at once may not fit."""
    whole = score(lm, TEXT).bits
    monkeypatch.setattr(importlib.import_module("model.scoring"), "_MAX_LOGITS", 10 * 58)
    seen = []
    forward = lm.network.forward

    def watched(ids, *rest):
        seen.append(ids.shape[1])
        return forward(ids, *rest)

    monkeypatch.setattr(lm.network, "forward", watched)
    np.testing.assert_allclose(score(lm, TEXT).bits, whole, atol=1e-4)
    assert max(seen) == 10


def test_bits_and_nats_are_one_measure(lm):
    result = score(lm, TEXT)
    assert result.characters == len(TEXT)
    assert result.bpc == pytest.approx(result.bits.mean())
    assert result.nats == pytest.approx(result.bpc * math.log(2))


def test_a_model_that_knows_nothing_needs_the_alphabets_bits():
    lm = tiny_model("abcdefgh")
    for weight in lm.network.parameters():
        weight.zero_()
    result = score(lm, "deaf")
    np.testing.assert_allclose(result.bits, [3.0] * 4, atol=1e-6)
    assert result.unknown == []


def test_what_is_likely_costs_less(lm):
    greedy = score(lm, TEXT[:1]).bits[0]
    all_first = [score(lm, character).bits[0] for character in lm.tokenizer.vocab]
    assert min(all_first) <= greedy
    assert sum(2.0**-bits for bits in all_first) == pytest.approx(1.0, abs=1e-5)


def test_unknown_characters_are_skipped_marked_and_listed(lm):
    result = score(lm, "To é be😀é")
    assert np.flatnonzero(np.isnan(result.bits)).tolist() == [3, 7, 8]
    assert result.unknown == [("é", 3, 2), ("😀", 7, 1)]
    assert result.characters == 6
    known = score(lm, "To  be").bits
    np.testing.assert_allclose(result.bits[~np.isnan(result.bits)], known, atol=1e-6)
    assert result.bpc == pytest.approx(known.mean())


@pytest.mark.parametrize("text", ["", "é", "\ud800\x00"])
def test_a_text_without_a_known_character_has_no_measure(lm, text):
    result = score(lm, text)
    assert result.characters == 0
    assert len(result.bits) == len(text)
    assert math.isnan(result.bpc)
    assert math.isnan(result.nats)


def test_scoring_leaves_no_graph_and_changes_nothing(lm):
    before = {name: tensor.clone() for name, tensor in lm.network.state_dict().items()}
    assert score(lm, TEXT).bits.tolist() == score(lm, TEXT).bits.tolist()
    assert all(torch.equal(tensor, before[name]) for name, tensor in lm.network.state_dict().items())
