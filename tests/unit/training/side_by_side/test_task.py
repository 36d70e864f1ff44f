"""What is typed for a task, and what is read from its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.side_by_side.executor import RETRIES, may_retry
from training.side_by_side.task import OUTPUT, TrainingTask


def test_a_task_starts_its_run_and_then_resumes_it(tmp_path: Path) -> None:
    task = TrainingTask(folder=tmp_path / "run", arguments=("text.txt", "--steps=5"))
    assert task.words() == ("text.txt", "--steps=5", "--out", str(tmp_path / "run"))
    (tmp_path / "run" / ".step-00000005.tmp").mkdir(parents=True)  # a checkpoint that was being written
    assert "--resume" not in task.words()
    (tmp_path / "run" / "step-00000005").mkdir()
    assert task.words() == ("--resume", str(tmp_path / "run"))


def test_the_newest_evaluation_and_the_last_line_are_read(tmp_path: Path) -> None:
    task = TrainingTask(folder=tmp_path, arguments=())
    assert (task.last_evaluation(), task.last_output()) == (None, "")
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}\n')
    (tmp_path / OUTPUT).write_text("Reading …\nerror: no\n\n", encoding="utf-8")
    assert task.last_evaluation() == {"step": 2}
    assert task.last_output() == "error: no"
    (tmp_path / "metrics.jsonl").write_text("{")
    assert task.last_evaluation() is None


@pytest.mark.parametrize(
    ("exit_code", "tries", "expected"),
    [(0, 1, False), (2, 1, False), (1, 1, True), (-9, RETRIES, True), (-9, RETRIES + 1, False), (143, 2, True)],
)
def test_a_task_is_tried_again_unless_it_ended_well_or_cannot_start(exit_code: int, tries: int, expected: bool) -> None:
    assert may_retry(exit_code, tries) is expected
