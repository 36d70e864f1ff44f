"""samples.jsonl: it goes where the model goes, and what it may hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from model import CharLSTM, CheckpointError
from model.checkpoint.names import MANIFEST, SAMPLES
from model.checkpoint.samples import MAX_SAMPLES, MAX_TEXT, Sample, samples_from_json, thinned
from tests.support.tiny_models import tiny_model


def sample(step: int, text: str = "né\n") -> Sample:
    return {"step": step, "prompt": "", "temperature": 0.7, "seed": 1, "text": text}


def test_the_samples_of_a_model_are_saved_listed_and_read_again(tmp_path: Path):
    lm = replace(tiny_model(), samples=(sample(0), sample(40)))
    lm.save_pretrained(tmp_path)
    assert CharLSTM.from_pretrained(tmp_path).samples == lm.samples
    (tmp_path / SAMPLES).write_text("")
    with pytest.raises(CheckpointError, match=f"{SAMPLES} is not the file that {MANIFEST} describes"):
        CharLSTM.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([sample(1), sample(0)], "not in the order"),
        ([sample(0)] * (MAX_SAMPLES + 1), "1,001 samples"),
        ([sample(0, "x" * (MAX_TEXT + 1))], "at most 1,000 characters"),
        ([{**sample(0), "step": -1}], "at least 0"),
        ([{**sample(0), "text": None}], "must be texts"),
    ],
)
def test_what_are_no_samples_is_refused(lines: list[Sample], problem: str):
    with pytest.raises(ValueError, match=problem):
        samples_from_json(json.loads(json.dumps(lines)))


@pytest.mark.parametrize(("text", "steps"), [("x" * 240, 2_500), ("诗" * 240, 900)])
def test_a_long_run_keeps_samples_that_can_be_read_again(tmp_path: Path, text: str, steps: int):
    """A run may evaluate 10,000 times, and characters outside ASCII take six bytes each."""
    samples = thinned([sample(step, text) for step in range(steps)])
    replace(tiny_model(), samples=tuple(samples)).save_pretrained(tmp_path)
    read = CharLSTM.from_pretrained(tmp_path).samples
    assert (read[0]["step"], read[-1]["step"]) == (0, steps - 1)
    assert len(read) > 300
