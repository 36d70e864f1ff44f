"""``python -m training sweep``: the table, the picture, and a sweep that is killed or stopped and continued."""

from __future__ import annotations

import re
import signal
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.support.app_server import eventually
from tests.support.platforms import posix_only
from tests.support.tiny_runs import SIZES, Here, checkpoints, metrics, outcome, write_text
from tests.support.training_processes import Training, train
from training.__main__ import main
from training.cli.options import parse_train
from training.cli.sweep.plan import read_finished
from training.side_by_side.task import OUTPUT

OPTIONS = (*SIZES, "--evaluations=3", "--no-bfloat16")
STARTING_S = 300  # of processes that import torch on a busy machine
ONE_THREAD = partial(torch.set_num_threads, 1)


@posix_only
def test_a_killed_sweep_continues_without_repeating_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text, folder = write_text(tmp_path), tmp_path / "sweeps" / "text"
    quick, slow = folder / "steps=4", folder / "steps=600"
    typed = ("sweep", text.name, "--over=steps=4,600", *OPTIONS)
    with Training(*typed, cwd=tmp_path) as sweep:
        eventually(lambda: "steps=4" in read_finished(folder), STARTING_S)
        sweep.send(signal.SIGKILL)
        assert sweep.end() == -signal.SIGKILL
    assert sweep.lines[0].startswith("2 runs, ")
    before = {path: path.stat().st_mtime_ns for path in quick.rglob("*")}
    assert main(typed) == 0
    shown = capsys.readouterr()
    assert "2 runs, 1 of them done, 1 at a time." in shown.err
    assert {path: path.stat().st_mtime_ns for path in quick.rglob("*")} == before
    assert train(text, *OPTIONS, "--steps=600", "--out=alone", cwd=tmp_path, prepare=[ONE_THREAD]).end() == 0
    assert outcome(slow) == outcome(tmp_path / "alone")

    head, *ranking = shown.out.rpartition("\n\n")[2].splitlines()
    assert head.split() == ["settings", "runs", "best", "last", "chars", "minutes"]
    lowest = [min(line["val_loss"] for line in metrics(run)) for run in (slow, quick)]
    assert [row.split()[:-4] for row in ranking] == [["*", "steps=600", "1"], ["steps=4", "1"]]
    assert [row.split()[-4] for row in ranking] == [f"{loss:.4f}" for loss in lowest]
    with Image.open(folder / "curve.png") as picture:
        assert picture.size == (1200, 675)
    assert "  python -m model generate --model sweeps/text/steps=600\n" in shown.err
    (longer,) = re.findall(r"^  python -m training text\.txt (.*)$", shown.err, re.MULTILINE)
    assert parse_train(longer.split()).recipe == parse_train(OPTIONS).recipe
    assert parse_train(longer.split()).steps == 600


@posix_only
def test_a_stopped_sweep_saves_its_runs_and_says_how_to_continue(tmp_path: Path) -> None:
    run = tmp_path / "all" / "lr=0.01"
    typed = ("sweep", write_text(tmp_path).name, "--over=lr=0.01", "--steps=1000000", "--out=all", *SIZES)
    with Training(*typed, cwd=tmp_path) as sweep:
        eventually(lambda: (run / OUTPUT).exists() and "step 1 of 1,000,000" in (run / OUTPUT).read_text(), STARTING_S)
        sweep.send(signal.SIGINT)
        assert sweep.end() == 130
    assert "  python -m training sweep --resume all" in sweep.lines
    assert "Stopped after step" in (run / OUTPUT).read_text()
    assert len(checkpoints(run)) == 1


def test_a_sweep_that_cannot_start_leaves_nothing(here: Here, tmp_path: Path) -> None:
    over = "--over=lr=0.01,0.02"
    code, output = here("sweep", "nowhere.txt", over)
    assert (code, output.count("\n")) == (2, 1)
    assert output.startswith("error: ")
    assert "nowhere.txt" in output
    assert here("sweep", "--resume=runs") == (2, "error: there is no sweep in 'runs': it has no sweep.json\n")
    write_text(tmp_path)
    assert here("sweep", "text.txt", over, "--ray=local", *SIZES) == (
        2,
        "error: --ray needs Ray: pip install -r requirements-ray.txt\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


def test_a_run_that_fails_is_named(here: Here, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("too short")
    code, output = here("sweep", "text.txt", "--over=lr=0.01", *SIZES, "--steps=3")
    assert code == 1
    assert "error: lr=0.01: the text" in output
    assert output.endswith("error: no run has been evaluated\n")
