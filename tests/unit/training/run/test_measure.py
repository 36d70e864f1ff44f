"""What is measured before a run, on the real machine: the figures cannot be known."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import torch

from model import LSTMConfig
from training.learner.recipe import PRESETS, Recipe
from training.run.measure import measured, memory_needed, reading_speed

TINY = Recipe(embedding_size=4, hidden_size=8, num_layers=1, batch=4, window=16)
TEXT = np.arange(2000, dtype=np.int32) % 9
CPU = torch.device("cpu")


def test_the_parts_of_a_run_are_measured() -> None:
    found = measured(TINY, 9, TEXT, CPU, minutes=0.01, pushes=True)
    assert all(seconds > 0 for seconds in (found.character_s, *astuple(found.costs)))
    assert found.costs.evaluation_s > 1  # a card for each push
    assert reading_speed(TINY, 9, TEXT, CPU) > 1000


def test_the_memory_needed_is_a_lower_bound() -> None:
    assert 100e6 < memory_needed(PRESETS["medium"], LSTMConfig(65, 64, 512, 2)) < 400e6
    huge = replace(PRESETS["large"], hidden_size=8192, batch=4096, window=4096)
    assert memory_needed(huge, LSTMConfig(65, 64, 8192, 1)) > 1e12
