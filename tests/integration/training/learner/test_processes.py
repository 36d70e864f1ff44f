"""Several processes train one model as one process would: the same losses, stopped together, resumed bit for bit."""

import re
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.support.interruptions import fail_evaluations_after_step, signal_after_step
from tests.support.tiny_runs import SIZES, Here, checkpoints, environment, metrics, outcome, write_text
from tests.support.training_processes import train_together
from training.__main__ import main

BATCH = "--set=batch=5"  # of two processes one reads one row more than the other
RUN = ("text.txt", *SIZES, BATCH, "--steps=30", "--set=evaluations=3,bfloat16=false,shuffle=true,dropout_out=0.2")
ERROR = re.compile("^(error|Traceback)", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text and with a run of one process, "alone", and one that torchrun starts in two, "two"."""
    folder = tmp_path_factory.mktemp("runs")
    write_text(folder, paragraphs=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*RUN, "--out=alone"]) == 0
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "training", *RUN, "--out=two"]
    done = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (done.stderr.count("\nstep 1 of 30: "), done.stderr.count("Done in")) == (1, 1)
    return folder


def together(
    folder: Path, *arguments: str, signals: tuple[tuple[int, int, int], ...] = ()
) -> tuple[list[int], list[str]]:
    """Trains in two processes; (rank, step, signal): that process sends itself that signal right after that step.

    Returns:
        the exit codes (negative: the signal that ended the process), and what each process printed.
    """
    prepare = {rank: [partial(signal_after_step, step, number)] for rank, step, number in signals}
    runs = train_together(*arguments, cwd=folder, processes=2, prepare=prepare)
    return [run.end() for run in runs], [run.output for run in runs]


def test_a_run_that_was_stopped_in_every_way_ends_bit_for_bit_as_one_that_was_not(folder: Path) -> None:
    codes, outputs = together(folder, *RUN, "--out=stopped", signals=((1, 7, signal.SIGTERM),))
    assert codes == [143, 0]
    assert outputs[0].count("SIGTERM: saving after this step") == 1
    assert "Stopped after step 8." in outputs[0]  # rank 0 learns of it with the next step

    both = ((0, 12, signal.SIGINT), (1, 12, signal.SIGINT))
    codes, outputs = together(folder, "--resume=stopped", signals=both)
    assert codes == [130, 0]
    assert "Stopped after step 12." in outputs[0]

    codes, outputs = together(folder, "--resume=stopped", signals=((1, 20, signal.SIGKILL),))
    assert codes == [1, -signal.SIGKILL]
    assert ERROR.findall("\n".join(outputs)) == ["error"]
    assert "error: another process of this run has died; every checkpoint written so far is whole" in outputs[0]

    codes, outputs = together(folder, "--resume=stopped", signals=((0, 22, signal.SIGKILL),))
    assert codes == [-signal.SIGKILL, 1]
    assert not ERROR.search("\n".join(outputs))

    assert together(folder, "--resume=stopped")[0] == [0, 0]
    # The samples of the run that torchrun started are longer, see `be_quick`.
    stopped, whole = ({**outcome(folder / name), "samples": ""} for name in ("stopped", "two"))
    assert stopped == whole


def test_a_run_continues_with_another_number_of_processes_and_has_the_losses_of_one(folder: Path, here: Here) -> None:
    assert together(folder, *RUN, "--out=fewer", signals=((0, 11, signal.SIGTERM),))[0] == [143, 0]
    output = here(f"--resume={folder / 'fewer'}")
    assert re.search(r"warning: machine .*2 processes then, .*: .* may differ in their last digits", output)
    assert "Resuming after step 11 of 30." in output
    expected, found = metrics(folder / "alone"), metrics(folder / "fewer")
    for name in ("step", "train_loss", "val_loss", "val_cold256"):
        assert [line[name] for line in found] == pytest.approx([line[name] for line in expected], abs=1e-5)


def test_an_error_of_rank_0_in_an_evaluation_releases_the_others(folder: Path) -> None:
    """They wait there until rank 0 has evaluated."""
    fails = {0: [partial(fail_evaluations_after_step, 15)]}
    runs = train_together(*RUN, "--out=fails", cwd=folder, processes=2, prepare=fails)
    assert [run.end() for run in runs] == [1, 0]
    assert ERROR.findall("\n".join(run.output for run in runs)) == ["error"]
    assert "error: the validation loss after step 16 is nan" in runs[0].output


def test_minutes_are_measured_and_decided_for_all_processes(folder: Path) -> None:
    codes, outputs = together(folder, "text.txt", *SIZES, "--minutes=0.05", "--set=evaluations=3", "--out=measured")
    assert codes == [0, 0]
    assert outputs[0].count("Measuring this machine") == 1
    assert "0.05 minutes in all" in outputs[0]
    whole = outcome(folder / "measured")
    shutil.rmtree(checkpoints(folder / "measured")[-1])
    assert together(folder, "--resume=measured")[0] == [0, 0]
    assert outcome(folder / "measured") == whole
