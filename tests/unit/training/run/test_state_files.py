"""metrics.jsonl of a checkpoint, which may come from a stranger's repo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.checkpoint.format import CheckpointError
from training.run.state_files import read_metrics

LINE = {"step": 3, "chars": 96, "seconds": 0.5, "val_loss": 2.5, "val_cold256": 2.75}


@pytest.mark.parametrize("line", [LINE, {"step": 3, "val_loss": 2}])
def test_fields_may_be_missing_except_step_and_loss(tmp_path: Path, line: dict[str, object]) -> None:
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    assert read_metrics(tmp_path) == [line]


@pytest.mark.parametrize(
    "change",
    [{"step": 3.0}, {"step": True}, {"val_loss": None}, {"val_loss": "2"}, {"val_cold256": []}, {"chars": "9"}],
)
def test_a_field_that_is_not_a_number_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """A `val_cold256` that was a list ended in a traceback when the run was complete."""
    (tmp_path / "metrics.jsonl").write_text(json.dumps(LINE) + "\n" + json.dumps({**LINE, **change}) + "\n")
    with pytest.raises(CheckpointError, match=r"a line of metrics\.jsonl lacks step or val_loss, or has a field"):
        read_metrics(tmp_path)
