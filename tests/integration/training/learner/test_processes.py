"""Several processes train one model as one would: the same losses, stopped together, resumed bit for bit."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.tiny_runs import ROOT, SIZES, environment, metrics, outcome, write_text

BATCH = "--batch=5"  # of two processes one reads a row more
RUN = ("text.txt", *SIZES, BATCH, "--steps=30", "--evaluations=3", "--no-bfloat16")
FROM = ("text.txt", "--from=./alone", BATCH, "--steps=8", "--evaluations=2", "--no-bfloat16")
ERROR = re.compile("^(error|Traceback)", re.MULTILINE)


def run(out: str, processes: int = 2, *, signals: Any = (), arguments: Any = RUN) -> dict[str, Any]:
    more = [f"--resume={out}"] if arguments == () else [f"--out={out}"]
    return {"processes": processes, "arguments": [*arguments, *more], "signals": list(signals)}


def resume(out: str, processes: int = 2, **more: Any) -> dict[str, Any]:
    return run(out, processes, arguments=(), **more)


RUNS = {
    "alone": run("alone", 1),
    "two": run("two", 2),
    "three": run("three", 3),
    "one is told to stop": run("stopped", signals=[(1, 7, signal.SIGTERM)]),
    "both are told to stop": resume("stopped", signals=[(0, 12, signal.SIGINT), (1, 12, signal.SIGINT)]),
    "one is killed": resume("stopped", signals=[(1, 20, signal.SIGKILL)]),
    "the first is killed": resume("stopped", signals=[(0, 22, signal.SIGKILL)]),
    "goes on": resume("stopped"),
    "is stopped, to be fewer": run("fewer", signals=[(0, 11, signal.SIGTERM)]),
    "goes on alone": resume("fewer", 1),
    "from a model, alone": run("from-alone", 1, arguments=FROM),
    "from a model": run("from-two", arguments=FROM),
    "bursts": run("burst", arguments=(*RUN, "--lr=10", "--matrix-lr=10", "--weight-decay=10", "--steps=200")),
    "too many": run("many", 6),
    "no text": run("nothing", arguments=("nowhere.txt",)),
    "measured": run("measured", arguments=("text.txt", *SIZES, "--minutes=0.05")),
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of all these runs, and how each ended: {codes, said}."""
    folder = tmp_path_factory.mktemp("ranks")
    write_text(folder)
    words = [sys.executable, "-m", "tests.support.torchrun_runs", str(folder), *map(json.dumps, RUNS.values())]
    done = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, dict(zip(RUNS, map(json.loads, done.stdout.splitlines()), strict=True))


Ended = tuple[Path, dict[str, Any]]


@pytest.mark.parametrize(
    ("alone", "other"), [("alone", "two"), ("alone", "three"), ("alone", "fewer"), ("from-alone", "from-two")]
)
def test_losses_are_those_of_one_process(ended: Ended, alone: str, other: str) -> None:
    one, more = metrics(ended[0] / alone), metrics(ended[0] / other)
    assert [line["step"] for line in more] == [line["step"] for line in one]
    for name in ("train_loss", "val_loss", "val_cold256"):
        assert [line[name] for line in more] == pytest.approx([line[name] for line in one], abs=1e-5)


def test_one_of_them_says_what_a_run_says(ended: Ended) -> None:
    for name in ("two", "three"):
        assert set(ended[1][name]["codes"]) == {0}
        assert ended[1][name]["said"].count("\nstep 1 of 30: ") == 1
        assert ended[1][name]["said"].count("Done in") == 1


def test_stopped_in_every_way_it_comes_out_as_if_it_never_was(ended: Ended) -> None:
    folder, how = ended
    assert how["one is told to stop"]["codes"] == [143, 0]
    assert how["one is told to stop"]["said"].count("SIGTERM: saving after this step") == 1
    assert "Stopped at step 7." in how["one is told to stop"]["said"]
    assert how["both are told to stop"]["codes"] == [130, 0]
    assert "Stopped at step 12." in how["both are told to stop"]["said"]
    said = how["one is killed"]["said"]
    assert how["one is killed"]["codes"] == [1, -signal.SIGKILL]
    assert ERROR.findall(said) == ["error"]
    assert "error: another process of this run has died; every checkpoint written so far is whole" in said
    assert how["the first is killed"]["codes"] == [-signal.SIGKILL, 1]
    assert not ERROR.search(how["the first is killed"]["said"])
    assert how["goes on"]["codes"] == [0, 0]
    assert outcome(folder / "stopped") == outcome(folder / "two")


def test_a_run_goes_on_with_another_number_of_processes(ended: Ended) -> None:
    said = ended[1]["goes on alone"]["said"]
    assert re.search(r"warning: machine .*2 processes then, .*: .* may differ in their last digits", said)
    assert "Going on from step 11 of 30." in said


def test_a_loss_that_is_no_number_stops_all_with_one_line(ended: Ended) -> None:
    found = ended[1]["bursts"]
    assert found["codes"] == [1, 0]
    assert ERROR.findall(found["said"]) == ["error"]
    assert re.search(r"error: the (loss|gradient) at step \d+ is (nan|inf)", found["said"])


@pytest.mark.parametrize(
    ("name", "line"),
    [("too many", "error: --batch is 5, fewer rows than the 6 processes"), ("no text", "error: there is no file")],
)
def test_what_cannot_be_is_said_once(ended: Ended, name: str, line: str) -> None:
    found = ended[1][name]
    assert found["codes"][0] == 2
    assert ERROR.findall(found["said"]) == ["error"]
    assert line in found["said"]


def test_minutes_are_measured_with_all_of_them(ended: Ended) -> None:
    found = ended[1]["measured"]
    assert found["codes"] == [0, 0]
    assert found["said"].count("Measuring this machine") == 1
    assert "0.05 minutes in all" in found["said"]


def test_torchrun_starts_them(tmp_path: Path) -> None:
    write_text(tmp_path)
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "training", *RUN, "--out=run"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == "Reading text.txt …"
    assert len(metrics(tmp_path / "run")) == 3
