"""A copy of a model that learns while it reads: each character is predicted before anything is learned from it."""

from __future__ import annotations

import numpy as np
import torch

from model import adapted, generate, score, score_adapting

TEXT = "To be, or not to be: that is the question.\n" * 12


def test_a_repeated_text_surprises_less_and_less_and_unknown_characters_have_no_bits(lm):
    found = score_adapting(lm, TEXT)
    assert found.bpc < score(lm, TEXT).bpc - 0.2
    assert found.bits[-86:].mean() < found.bits[:86].mean() - 0.5
    found = score_adapting(lm, "aéb")
    assert np.isnan(found.bits).tolist() == [False, True, False]
    assert [each.character for each in found.unknown] == ["é"]
    assert score_adapting(lm, "").characters == 0


def test_a_character_is_predicted_before_anything_is_learned_from_it(lm):
    """So the bits up to a window's end depend on nothing behind it, and the first window is that of the plain score."""
    found, other = score_adapting(lm, TEXT).bits, score_adapting(lm, TEXT[:96] + "zq" * 40).bits
    np.testing.assert_allclose(found[:96], other[:96], atol=1e-5)
    np.testing.assert_allclose(found[:32], score(lm, TEXT).bits[:32], atol=1e-4)
    assert np.abs(found[32:96] - score(lm, TEXT).bits[32:96]).max() > 1e-3


def test_the_adapted_model_is_a_copy_that_writes_like_the_text(lm):
    before = {name: tensor.clone() for name, tensor in lm.network.state_dict().items()}
    found = adapted(lm, TEXT)
    assert all(torch.equal(tensor, before[name]) for name, tensor in lm.network.state_dict().items())
    assert score(found, TEXT).bpc < score(lm, TEXT).bpc - 0.2
    assert not any(parameter.requires_grad for parameter in found.network.parameters())
    assert len(generate(found, "To be", 20, seed=1)) == 20
