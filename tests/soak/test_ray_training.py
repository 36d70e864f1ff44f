"""Teachers on two nodes of a Ray cluster: one is lost, and the run ends with the bits of an undisturbed one."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.platforms import posix_only
from tests.support.ray_environment import ROOT, ray_variables, with_ray
from tests.support.tiny_runs import SIZES, outcome, write_text
from tests.support.training_processes import train

OPTIONS = (*SIZES, "--steps=8000", "--set=evaluations=16,bfloat16=false")


def train_on_cluster(lost: str, runs: Path, arguments: Sequence[str | Path], folder: Path) -> str:
    """Trains while a worker or a node is lost, see `ray_trainings`; returns what was printed."""
    words = ["-m", "tests.support.ray_trainings", "2", "lose", lost, str(runs), *map(str, arguments)]
    with (folder / "ray.log").open("w+b") as log:
        command = with_ray("requirements-ray.txt", words)
        done = subprocess.run(command, cwd=ROOT, env=ray_variables(), stdout=log, stderr=log, timeout=1200)
        log.seek(0)
        shown = log.read().decode(errors="replace")
    assert done.returncode == 0, shown[-4000:]
    assert f"killed the {lost}" in shown
    return shown


@posix_only
@pytest.mark.parametrize("lost", ["worker", "node"])
def test_teachers_continue_on_another_node_with_the_same_bits(lost: str, tmp_path: Path) -> None:
    text, out = write_text(tmp_path), tmp_path / "run"
    arguments = (text, "--teachers=2", *OPTIONS)
    shown = train_on_cluster(lost, out / "teachers" / "[0-9]", (*arguments, "--out", out), tmp_path)
    assert "Training 2 teachers, side by side" in shown
    plain = train(*arguments, f"--out={tmp_path}/plain", cwd=tmp_path)
    assert plain.end() == 0
    assert outcome(out) == outcome(tmp_path / "plain")
