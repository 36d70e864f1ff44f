"""The surprisal of a text under a model, under one that learns while it reads, and under any function."""

import itertools
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from model import adapted, generate, score, score_adapting, scoring
from model.__main__ import main
from model.cli.evaluate import surprisals
from model.settings import UsageError
from training.learner.evaluation import cold_losses

TEXT = "To be, or not to be: that is the question.\n" * 3
REPEATED = TEXT * 4


@pytest.mark.parametrize("chunk", [1, 7, 128, 129, 4096])
def test_bits_equal_those_of_single_steps_whatever_the_size_of_the_chunks(lm, monkeypatch, chunk):
    ids, state, bits = [lm.tokenizer.start_id, *lm.tokenizer.encode(TEXT).tolist()], None, []
    for before, after in itertools.pairwise(ids):
        logits, state = lm.network.step(torch.tensor([before]), state)
        bits.append(-math.log2(float(logits[0].double().softmax(0)[after])))
    monkeypatch.setattr(scoring, "_CHUNK", chunk)
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


def test_a_repeated_text_surprises_less_and_less_and_unknown_characters_have_no_bits(lm):
    found = score_adapting(lm, REPEATED)
    assert found.bpc < score(lm, REPEATED).bpc - 0.2
    assert found.bits[-86:].mean() < found.bits[:86].mean() - 0.5
    found = score_adapting(lm, "aéb")
    assert np.isnan(found.bits).tolist() == [False, True, False]
    assert [each.character for each in found.unknown] == ["é"]
    assert score_adapting(lm, "").characters == 0


def test_a_character_is_predicted_before_anything_is_learned_from_it(lm):
    """So the bits up to a window's end depend on nothing behind it, and the first window is that of the plain score."""
    found, other = score_adapting(lm, REPEATED).bits, score_adapting(lm, REPEATED[:96] + "zq" * 40).bits
    np.testing.assert_allclose(found[:96], other[:96], atol=1e-5)
    np.testing.assert_allclose(found[:32], score(lm, REPEATED).bits[:32], atol=1e-4)
    assert np.abs(found[32:96] - score(lm, REPEATED).bits[32:96]).max() > 1e-3


def test_the_adapted_model_is_a_copy_that_writes_like_the_text(lm):
    before = {name: tensor.clone() for name, tensor in lm.network.state_dict().items()}
    found = adapted(lm, REPEATED)
    assert all(torch.equal(tensor, before[name]) for name, tensor in lm.network.state_dict().items())
    assert score(found, REPEATED).bpc < score(lm, REPEATED).bpc - 0.2
    assert not any(parameter.requires_grad for parameter in found.network.parameters())
    assert len(generate(found, "To be", 20, seed=1)) == 20


def test_a_model_as_a_function_has_the_same_score_as_the_model(lm):
    text = "abba cab"

    def predict(before: str, start: tuple[int, ...] = (lm.tokenizer.start_id,)) -> dict[str, float]:
        ids = torch.tensor([[*start, *lm.tokenizer.encode(before)]])
        with torch.inference_mode():
            logits, _ = lm.network(ids)
        return dict(zip(lm.tokenizer.vocab, logits[0, -1].softmax(-1).tolist(), strict=True))

    assert list(surprisals(predict, text)) == pytest.approx(score(lm, text).bits, abs=1e-4)
    for window, count in ((3, 6), (7, 7), (8, 7), (9, 7)):
        cold = [*surprisals(partial(predict, start=()), text, window=window)]
        assert len(cold) == count
        losses = cold_losses(lm.network, lm.tokenizer.encode(text), window=window)
        assert cold == pytest.approx(losses / math.log(2), abs=1e-4)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ({"a": 0.5, "b": 0.4}, "sum to 0.9"),
        ({"a": 1.5, "b": -0.5}, "-0.5"),
        ({"a": math.nan, "b": 0.5}, "nan"),
        ({"b": 1.0}, "probability 0"),
        ({"a": "much"}, "a dict of numbers"),
        ([0.5, 0.5], "a dict of numbers"),
    ],
)
def test_what_is_no_distribution_is_refused_with_its_position(returned, words: str):
    with pytest.raises(UsageError, match=f"at position 0 .*{words}"):
        next(surprisals(lambda _: returned, "a"))


def test_the_command_finds_a_function_of_this_folder(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    (tmp_path / "coin.py").write_text("def predict(text):\n    return {'a': 0.25, 'b': 0.75}\n")
    (tmp_path / "text.txt").write_text("aabb")
    assert main(["evaluate", "coin:predict", "text.txt"]) == 0
    assert f"{(4 - 2 * math.log2(3) + 4) / 4:.4f} per character" in capsys.readouterr().out
    for wrong in ("coin", ":predict", ".coin:predict", "missing:predict", "coin:missing"):
        assert main(["evaluate", wrong, "text.txt"]) == 2
        assert capsys.readouterr().err.startswith("error: ")
    (tmp_path / "text.txt").write_text("a")
    assert main(["evaluate", "coin:predict", "text.txt", "--cold"]) == 2
    assert "at least 2" in capsys.readouterr().err
