"""Any function that predicts the next character is scored as a model is."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import pytest
import torch

from model import score
from model.__main__ import main
from model.scoring.predictor import surprisals
from model.settings import UsageError
from tests.support.tiny_models import tiny_model
from training.learner.evaluation import cold_losses

TEXT = "abba cab"


def test_a_model_as_a_function_has_the_same_score_as_the_model():
    lm = tiny_model()

    def predict(text: str, start: tuple[int, ...] = (lm.tokenizer.start_id,)) -> dict[str, float]:
        ids = torch.tensor([[*start, *lm.tokenizer.encode(text)]])
        with torch.inference_mode():
            logits, _ = lm.network(ids)
        return dict(zip(lm.tokenizer.vocab, logits[0, -1].softmax(-1).tolist(), strict=True))

    assert list(surprisals(predict, TEXT)) == pytest.approx(score(lm, TEXT).bits, abs=1e-4)
    for window, count in ((3, 6), (7, 7), (8, 7), (9, 7)):
        cold = [*surprisals(partial(predict, start=()), TEXT, window=window)]
        assert len(cold) == count
        losses = cold_losses(lm.network, lm.tokenizer.encode(TEXT), window=window)
        assert cold == pytest.approx(losses / math.log(2), abs=1e-4)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ({"a": 0.5, "b": 0.4}, "sum to 0.9"),
        ({"a": 1.5, "b": -0.5}, "-0.5"),
        ({"a": math.nan, "b": 0.5}, "nan"),
        ({"b": 1.0}, "probability 0"),
        ({"a": "much"}, "not a number"),
        ([0.5, 0.5], "list"),
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
