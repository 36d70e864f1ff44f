"""Whether the best checkpoint of a run on the Hub is an older one of the same run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch

from model.checkpoint.record import TrainingRecord
from model.files import json_lines
from tests.support.tiny_models import tiny_model
from training.run.hub_resume import older_best
from training.run.snapshot import Snapshot


@pytest.mark.parametrize(("step", "is_older"), [(3, True), (9, False), (12, False), (4, False), ([3], False)])
def test_an_older_best_checkpoint_has_a_step_before_the_newest(tmp_path: Path, step: object, is_older: bool) -> None:
    """A step that is a list, in a stranger's repo, raised TypeError."""
    lm = tiny_model()
    replace(lm, training=cast(TrainingRecord, {**lm.training, "step": step})).save_pretrained(tmp_path)
    lines = [{"step": at, "val_loss": 2.0} for at in (1, 3, 9, 12) if at <= (step if isinstance(step, int) else 3)]
    (tmp_path / "metrics.jsonl").write_bytes(json_lines(lines))
    tensors = {"steps_done": torch.tensor(9)}
    newest = Snapshot(checkpoint=lm.checkpoint(), metrics=(), samples=(), state={}, tensors=tensors)
    assert older_best(tmp_path, newest) == (step if is_older else None)
