"""Pushing to a local Hub: what is pushed, what is skipped, what a later process pushes, and how a process ends."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local_hub import LocalHub
from tests.support.app_server import eventually
from tests.support.tiny_runs import ROOT, environment
from training.hub.checkpoints import Destination, read_destination
from training.hub.pusher import Pusher, push_pending

CARD = "---\nlibrary_name: char-lstm\n---\n\n# plays\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def make_step(run: Path, step: int, *, best: bool = False) -> Path:
    """A checkpoint folder with the right names; the weights differ from step to step."""
    folder = run / f"step-{step:08d}"
    (folder / "training_state").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"step": step}))
    (folder / "model.safetensors").write_bytes(f"weights of {step}".encode() * 100 + b"\0")
    (folder / "manifest.json").write_text("{}")
    (folder / "README.md").write_text(CARD)
    (folder / "metrics.jsonl").write_text(json.dumps({"step": step, "val_loss": 1.5, "val_bpc": 2.164}) + "\n")
    (folder / "training_state" / "state.json").write_text(json.dumps({"step": step}))
    if best:
        (run / "best").write_text(folder.name)
    return folder


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def pusher(hub: LocalHub, token: str, run: Path, lines: list[str]) -> Iterator[Pusher]:
    add_repo(hub)
    pusher = Pusher(Destination("ada/plays"), run, report=lines.append)
    yield pusher
    pusher.close(0)


def add_repo(hub: LocalHub) -> None:
    """As `check_repo` leaves it."""
    repo = hub.add_repo("ada/plays")
    repo.branches["training"] = repo.branches["main"]


def test_checkpoints_in_between_are_skipped_while_the_hub_is_slow(hub: LocalHub, run: Path, pusher: Pusher) -> None:
    hang = hub.fail("POST .*/commit/training", "hang")
    for step in (1, 2, 3):
        make_step(run, step, best=step == 2)
        pusher.update()
        if step == 1:
            eventually(lambda: hang.hits)
    assert pusher.waiting() == ["step-00000001", "step-00000002", "step-00000003"], "the first is being pushed"
    hang.lift()
    assert pusher.close() == []
    repo = hub.repos["ada/plays"]
    assert [title[:6] for title in repo.titles("training")] == ["Step 3", "initia"]
    assert [title[:19] for title in repo.titles()] == ["Best so far: step 2", "initial commit"]


def test_a_card_that_has_changed_is_pushed_again(hub: LocalHub, run: Path, pusher: Pusher) -> None:
    step = make_step(run, 1, best=True)
    pusher.update()
    eventually(lambda: not pusher.waiting())
    (step / "README.md").write_text(CARD + "better\n")
    pusher.update()
    assert pusher.waiting() == []
    pusher.update(new_card=True)
    assert pusher.close() == []
    assert hub.read("ada/plays", "README.md").endswith(b"better\n")


# faults that pass; test_faults.py has those that last


def test_a_commit_of_someone_else_in_between_is_kept(hub: LocalHub, run: Path, pusher: Pusher) -> None:
    fault = hub.fail("POST .*/preupload/", "slow", seconds=60)
    make_step(run, 1, best=True)
    pusher.update()
    eventually(lambda: fault.hits)
    hub.commit(hub.repos["ada/plays"], {"NOTES.md": b"a person"}, title="notes")
    fault.lift()
    assert pusher.close() == []
    assert [title[:11] for title in hub.repos["ada/plays"].titles()] == ["Best so far", "notes", "initial com"]
    assert "NOTES.md" in hub.repos["ada/plays"].commit("main").files


def test_a_refused_checkpoint_is_reported_once_and_blocks_no_other(
    hub: LocalHub, run: Path, pusher: Pusher, lines: list[str]
) -> None:
    """It is tried again with the next checkpoint."""
    fault = hub.fail("POST .*/commit/", 403, times=None)
    make_step(run, 1)
    pusher.update()
    eventually(lambda: any("no right to do that" in line for line in lines))
    make_step(run, 2)
    pusher.update()
    eventually(lambda: fault.hits == 2)
    assert len(lines) == 1
    hub.faults.clear()
    hub.fail("POST .*/commit/main", 403, times=None)
    make_step(run, 3, best=True)
    pusher.update()
    assert pusher.close() == ["step-00000003"]
    assert hub.read("ada/plays", "config.json", "training") == b'{"step": 3}'


PROGRAM = """
    import sys
    from pathlib import Path
    from training.hub.checkpoints import Destination
    from training.hub.pusher import Pusher
    pusher = Pusher(Destination("ada/plays"), Path(sys.argv[1]), report=print)
    pusher.update()
    sys.stdin.readline()
    print(pusher.close(0.5))
    """


def test_a_process_ends_while_the_hub_hangs(hub: LocalHub, token: str, run: Path) -> None:
    """It does not wait for the server, and a later process pushes the rest."""
    add_repo(hub)
    fault = hub.fail("PUT /lfs", "hang", times=None)
    checkpoint = make_step(run, 1, best=True)
    words = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(run)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, cwd=ROOT, env=environment(), text=True, **pipes) as process:  # type: ignore[call-overload]
        eventually(lambda: fault.hits)
        output, _ = process.communicate("\n", timeout=60)
    assert output.endswith("no answer yet; step-00000001 is to be pushed later\n['step-00000001']\n")
    hub.faults.clear()
    assert push_pending(run, read_destination(run), report=print) == []
    for branch, name in {"main": "model.safetensors", "training": "training_state/state.json"}.items():
        assert len(hub.repos["ada/plays"].titles(branch)) == 2, "one whole commit"
        assert hub.read("ada/plays", name, branch) == (checkpoint / name).read_bytes()
