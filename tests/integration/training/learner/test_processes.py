"""Several processes train one model as one process would: the same losses, stopped together, resumed bit for bit."""

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

BATCH = "--batch=5"  # of two processes one reads one row more than the other
RUN = ("text.txt", *SIZES, BATCH, "--steps=30", "--evaluations=3", "--no-bfloat16")
FROM = ("text.txt", "--from=./alone", BATCH, "--steps=8", "--evaluations=2", "--no-bfloat16")
ERROR = re.compile("^(error|Traceback)", re.MULTILINE)


def run(out: str, processes: int = 2, *, arguments: Any = RUN, **more: Any) -> dict[str, Any]:
    folder = f"--resume={out}" if arguments == () else f"--out={out}"
    return {"processes": processes, "arguments": [*arguments, folder], **more}


def resume(out: str, processes: int = 2, **more: Any) -> dict[str, Any]:
    return run(out, processes, arguments=(), **more)


RUNS = {
    "alone": run("alone", 1),
    "two": run("two", 2),
    "three": run("three", 3),
    "one gets a signal": run("stopped", signals=[(1, 7, signal.SIGTERM)]),
    "both get a signal": resume("stopped", signals=[(0, 12, signal.SIGINT), (1, 12, signal.SIGINT)]),
    "rank 1 is killed": resume("stopped", signals=[(1, 20, signal.SIGKILL)]),
    "rank 0 is killed": resume("stopped", signals=[(0, 22, signal.SIGKILL)]),
    "resumed": resume("stopped"),
    "stopped, to continue alone": run("fewer", signals=[(0, 11, signal.SIGTERM)]),
    "resumed alone": resume("fewer", 1),
    "from a model, alone": run("from-alone", 1, arguments=FROM),
    "from a model": run("from-two", arguments=FROM),
    "diverges": run("diverges", arguments=(*RUN, "--lr=10", "--matrix-lr=10", "--weight-decay=10", "--steps=200")),
    "fails in an evaluation": run("fails", fails_at=15),
    "too many": run("many", 6),
    "no text": run("nothing", arguments=("nowhere.txt",)),
    "measured": run("measured", arguments=("text.txt", *SIZES, "--minutes=0.05")),
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of all these runs; of each, the exit codes of its processes and what they printed."""
    folder = tmp_path_factory.mktemp("runs")
    write_text(folder)
    words = [sys.executable, "-m", "tests.support.torchrun_runs", str(folder), *map(json.dumps, RUNS.values())]
    done = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, dict(zip(RUNS, map(json.loads, done.stdout.splitlines()), strict=True))


Ended = tuple[Path, dict[str, Any]]


@pytest.mark.parametrize(
    ("alone", "other"), [("alone", "two"), ("alone", "three"), ("alone", "fewer"), ("from-alone", "from-two")]
)
def test_losses_equal_those_of_one_process(ended: Ended, alone: str, other: str) -> None:
    one, more = metrics(ended[0] / alone), metrics(ended[0] / other)
    assert [line["step"] for line in more] == [line["step"] for line in one]
    for name in ("train_loss", "val_loss", "val_cold256"):
        assert [line[name] for line in more] == pytest.approx([line[name] for line in one], abs=1e-5)


def test_rank_0_alone_prints(ended: Ended) -> None:
    for name in ("two", "three"):
        assert set(ended[1][name]["codes"]) == {0}
        assert ended[1][name]["said"].count("\nstep 1 of 30: ") == 1
        assert ended[1][name]["said"].count("Done in") == 1


def test_a_run_that_was_stopped_in_every_way_ends_bit_for_bit_as_one_that_was_not(ended: Ended) -> None:
    folder, how = ended
    assert how["one gets a signal"]["codes"] == [143, 0]
    assert how["one gets a signal"]["said"].count("SIGTERM: saving after this step") == 1
    assert "Stopped after step 7." in how["one gets a signal"]["said"]
    assert how["both get a signal"]["codes"] == [130, 0]
    assert "Stopped after step 12." in how["both get a signal"]["said"]
    said = how["rank 1 is killed"]["said"]
    assert how["rank 1 is killed"]["codes"] == [1, -signal.SIGKILL]
    assert ERROR.findall(said) == ["error"]
    assert "error: another process of this run has died; every checkpoint written so far is whole" in said
    assert how["rank 0 is killed"]["codes"] == [-signal.SIGKILL, 1]
    assert not ERROR.search(how["rank 0 is killed"]["said"])
    assert how["resumed"]["codes"] == [0, 0]
    assert outcome(folder / "stopped") == outcome(folder / "two")


def test_a_run_continues_with_another_number_of_processes(ended: Ended) -> None:
    said = ended[1]["resumed alone"]["said"]
    assert re.search(r"warning: machine .*2 processes then, .*: .* may differ in their last digits", said)
    assert "Resuming after step 11 of 30." in said


def test_a_loss_that_is_not_finite_stops_all_with_one_line(ended: Ended) -> None:
    found = ended[1]["diverges"]
    assert found["codes"] == [1, 0]
    assert ERROR.findall(found["said"]) == ["error"]
    assert re.search(r"error: the (loss|gradient) at step \d+ is (nan|inf)", found["said"])


def test_an_error_of_rank_0_in_an_evaluation_releases_the_others(ended: Ended) -> None:
    """They wait there until rank 0 has evaluated."""
    found = ended[1]["fails in an evaluation"]
    assert found["codes"] == [1, 0]
    assert ERROR.findall(found["said"]) == ["error"]
    assert "error: the validation loss after step 16 is nan" in found["said"]


@pytest.mark.parametrize(
    ("name", "line"),
    [("too many", "error: --batch is 5, fewer rows than the 6 processes"), ("no text", "error: there is no file")],
)
def test_an_error_before_training_is_printed_once(ended: Ended, name: str, line: str) -> None:
    found = ended[1][name]
    assert found["codes"][0] == 2
    assert ERROR.findall(found["said"]) == ["error"]
    assert line in found["said"]


def test_minutes_are_measured_with_all_processes(ended: Ended) -> None:
    found = ended[1]["measured"]
    assert found["codes"] == [0, 0]
    assert found["said"].count("Measuring this machine") == 1
    assert "0.05 minutes in all" in found["said"]


def test_torchrun_starts_a_run(tmp_path: Path) -> None:
    write_text(tmp_path)
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "training", *RUN, "--out=run"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == "Reading text.txt …"
    assert len(metrics(tmp_path / "run")) == 3
