"""What is measured before a run, on the real machine: the figures cannot be known."""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model import LSTMConfig
from training.errors import RunError
from training.learner.recipe import PRESETS, Recipe
from training.run import measure
from training.run.measure import measured, memory_needed, with_faster_format

TINY = Recipe(embedding_size=4, hidden_size=8, num_layers=1, batch=4, window=16)
TEXT = np.arange(2000, dtype=np.int32) % 9
CPU = torch.device("cpu")


def test_costs_are_measured_and_no_file_is_left_behind(tmp_path: Path) -> None:
    found = measured(TINY, 9, TEXT, tmp_path, CPU, minutes=0.01, pushes=True)
    assert all(seconds > 0 for seconds in (found.character_s, *astuple(found.costs)))
    assert found.costs.evaluation_s > 1  # a card for each push
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_checkpoint_is_refused_before_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"a checkpoint cannot be written to 'gone' \(No such file or directory\)"):
        measured(TINY, 9, TEXT, tmp_path / "gone", CPU, minutes=0.01)


def test_the_faster_number_format_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = replace(TINY, bfloat16=True)
    assert with_faster_format(TINY, 9, TEXT, CPU) == TINY
    for times in ([1.0, 1.5], [1.0, 1.05], [1.5, 1.0]):  # a small gain may be noise, which differs between two runs
        monkeypatch.setattr(measure, "_shortest_steps", lambda *_, times=times: times)
        assert with_faster_format(wanted, 9, TEXT, CPU).bfloat16 == (times[1] == 1.5)


def test_the_memory_needed_is_a_lower_bound() -> None:
    config = LSTMConfig(65, 64, 512, 2)
    needed = memory_needed(PRESETS["medium"], config)
    assert 100e6 < needed < 400e6
    huge = replace(PRESETS["large"], hidden_size=8192, batch=4096, window=4096)
    assert memory_needed(huge, LSTMConfig(65, 64, 8192, 1)) > 1e12
