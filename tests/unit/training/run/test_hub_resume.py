"""Whether the best checkpoint of a run on the Hub is an older one of the same run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from model.checkpoint.record import TrainingRecord
from tests.support.tiny_models import tiny_model
from training.run.hub_resume import _is_older_best


@pytest.mark.parametrize(("step", "is_older"), [(3, True), (9, False), (4, False), ([3], False), (True, False)])
def test_an_older_best_checkpoint_has_a_step_of_the_run_before_the_newest(
    tmp_path: Path, step: object, is_older: bool
) -> None:
    """A step that is a list, in a stranger's repo, raised TypeError."""
    lm = tiny_model()
    replace(lm, training=cast(TrainingRecord, {**lm.training, "step": step})).save_pretrained(tmp_path)
    lines = [{"step": each, "val_loss": 2.0} for each in (1, 3, 9)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert _is_older_best(tmp_path, lm.training, 9) is is_older
