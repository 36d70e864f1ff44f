"""Resuming a run from the Hub on another machine: bit for bit, or a one-line error."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import cast

import pytest

from model import CharLSTM
from model.checkpoint.names import MODEL_FILES, WEIGHTS
from model.checkpoint.record import TrainingRecord
from tests.local_hub import LocalHub
from tests.support.platforms import posix_only
from tests.support.tiny_runs import (
    SIZES,
    Here,
    after_step,
    best_of,
    checkpoints,
    latest_of,
    metrics,
    outcome,
)
from training.hub.checkpoints import Destination
from training.hub.pusher import push_pending
from training.run.run_folder import RunFolder, pull_run

pytestmark = pytest.mark.usefixtures("text")
RUN = ("text.txt", *SIZES, "--steps=30", "--set=evaluations=3")
STATE = "training_state/state.safetensors"


@pytest.fixture(scope="module")
def made(trained: Path) -> Path:
    """A run of two evaluations, of which the first is the better one."""
    run = shutil.copytree(trained, trained.parent / "made")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    lines[0]["val_loss"] = 0.5
    for count, step in enumerate(checkpoints(run), 1):
        (step / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines[:count]))
    (run / "best").write_text(checkpoints(run)[0].name)
    return run


@pytest.fixture
def pushed(hub: LocalHub, token: str, made: Path) -> LocalHub:
    """That run on the Hub; the machine that made it is gone."""
    hub.add_repo("ada/plays")
    assert push_pending(made, Destination("ada/plays"), report=print) == []
    return hub


@posix_only
def test_a_stopped_and_deleted_run_resumes_from_the_hub_bit_for_bit_and_publishes_its_page(
    hub: LocalHub, token: str, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(*RUN, "--out=whole")
    with monkeypatch.context() as first:
        after_step(17, lambda: os.kill(os.getpid(), signal.SIGTERM), first.setattr)
        output = here(*RUN, "--out=run", "--push-to=plays", "--space=page", code=143)
    assert output.endswith("To publish the page later:\n  python -m training space run --space ada/page\n")
    assert "spaces/ada/page" in hub.repos, "it is created before the first step"
    shutil.rmtree(tmp_path / "run")

    machine = tmp_path / "another machine"
    machine.mkdir()
    monkeypatch.chdir(machine)
    output = here("--resume=hf://ada/plays", tmp_path / "text.txt")
    assert "Downloading the newest checkpoint of ada/plays to runs/plays …" in output
    assert "Resuming after step 17 of 30." in output
    assert outcome(machine / "runs/plays") == outcome(tmp_path / "whole")
    assert hub.read("ada/plays", STATE, "training") == (checkpoints(tmp_path / "whole")[-1] / STATE).read_bytes()
    lines = hub.read("ada/plays", "metrics.jsonl", "training").decode().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [line["step"] for line in metrics(tmp_path / "whole")]
    here("--resume=runs/plays")  # from now on it is a run like any other
    assert not list(machine.rglob(".*.tmp"))

    assert output.endswith(f"  {hub.url}/spaces/ada/page\n")
    CharLSTM.from_pretrained("ada/plays").save_pretrained(tmp_path / "int8", dtype="int8")
    assert hub.read("spaces/ada/page", WEIGHTS) == (tmp_path / "int8" / WEIGHTS).read_bytes()
    assert "models:\n- ada/plays\n" in hub.read("spaces/ada/page", "README.md").decode()
    assert f"{hub.url}/spaces/ada/page" in hub.read("ada/plays", "README.md").decode()


@pytest.mark.parametrize("other", ["", "later", "of another run", "of a stranger"])
def test_an_older_best_checkpoint_is_downloaded_too_but_no_other_model(
    pushed: LocalHub, tmp_path: Path, made: Path, other: str
) -> None:
    if other:
        folder = shutil.copytree(best_of(made), tmp_path / "main")
        lm = CharLSTM.from_pretrained(folder)
        changed = {"later": ("step", 9), "of another run": ("recipe", {}), "of a stranger": ("step", [1])}
        lm.training = cast(TrainingRecord, dict([*lm.training.items(), changed[other]]))
        lm.save_pretrained(folder)
        pushed.commit(pushed.repos["ada/plays"], {name: (folder / name).read_bytes() for name in MODEL_FILES})
    run = RunFolder(tmp_path / "one", resume=False)
    pull_run("ada/plays", run)
    run.restore(print)
    run.discard()
    best, newest = (folder.name for folder in checkpoints(made))
    assert [folder.name for folder in checkpoints(tmp_path / "one")] == ([newest] if other else [best, newest])
    assert best_of(tmp_path / "one").name == (newest if other else best)
    assert latest_of(tmp_path / "one").name == newest


@pytest.mark.parametrize(
    ("typed", "damaged", "message"),
    [
        ("", "", "give it again: python -m training --resume hf://ada/plays TEXT"),
        ("other.txt", "", "error: the text is not the one that this run started with"),
        ("text.txt", STATE, "cannot be resumed: "),
        ("text.txt", "model.safetensors", "cannot be resumed: "),
    ],
)
def test_a_run_that_cannot_be_resumed_is_refused_in_one_line_and_leaves_no_files(
    pushed: LocalHub, here: Here, tmp_path: Path, typed: str, damaged: str, message: str
) -> None:
    (tmp_path / "other.txt").write_text((tmp_path / "text.txt").read_text().replace("cat", "cow"))
    if damaged:
        data = bytearray(pushed.read("ada/plays", damaged, "training"))
        data[len(data) // 2] ^= 1
        pushed.commit(pushed.repos["ada/plays"], {damaged: bytes(data)}, branch="training")
    before = sorted(tmp_path.rglob("*"))
    output = here("--resume=hf://ada/plays", *typed.split(), code=2)
    assert output.count("error:") == 1
    assert message in output.splitlines()[-1]
    assert sorted(tmp_path.rglob("*")) == before
