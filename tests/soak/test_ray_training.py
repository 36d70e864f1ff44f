"""Trainings on two nodes of a Ray cluster: one is killed, and the runs end with the bits of undisturbed ones."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.support.platforms import posix_only
from tests.support.ray_environment import ROOT, ray_variables, with_ray
from tests.support.tiny_runs import SIZES, outcome, write_text
from tests.support.training_processes import train
from training.side_by_side.task import OUTPUT

OPTIONS = (*SIZES, "--steps=8000", "--evaluations=16", "--no-bfloat16")
RATES = (0.01, 0.02)
ONE_THREAD = partial(torch.set_num_threads, 1)


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
def test_runs_of_a_sweep_continue_on_another_node_with_the_same_bits(lost: str, tmp_path: Path) -> None:
    text, out = write_text(tmp_path), tmp_path / "sweep"
    shown = train_on_cluster(
        lost, out / "*=*", ("sweep", text, "--over=lr=0.01,0.02", *OPTIONS, "--out", out), tmp_path
    )
    assert "2 runs, 2 at a time." in shown
    printed = [(out / f"lr={rate}" / OUTPUT).read_text() for rate in RATES]
    assert sum("Resuming after step" in each for each in printed) == 1
    for rate in RATES:
        plain = train(text, *OPTIONS, f"--lr={rate}", f"--out={tmp_path}/{rate}", cwd=tmp_path, prepare=[ONE_THREAD])
        assert plain.end() == 0
        assert outcome(out / f"lr={rate}") == outcome(tmp_path / str(rate))


@posix_only
def test_teachers_continue_on_another_node_with_the_same_bits(tmp_path: Path) -> None:
    text, out = write_text(tmp_path), tmp_path / "run"
    arguments = (text, "--teachers=2", *OPTIONS)
    shown = train_on_cluster("worker", out / "members" / "[0-9]", (*arguments, "--out", out), tmp_path)
    assert "Training 2 teachers, side by side" in shown
    plain = train(*arguments, f"--out={tmp_path}/plain", cwd=tmp_path)
    assert plain.end() == 0
    assert outcome(out) == outcome(tmp_path / "plain")
