"""Every fault of the Hub while a run is pushed, downloaded or published: nothing is lost or half published."""

import re
import shutil
from functools import partial
from pathlib import Path

import pytest

from model.checkpoint.names import PUBLISHED_FILES
from tests.local_hub import LocalHub
from tests.support.hub_faults import FAULTS, HARMLESS, check_line, faulty
from tests.support.tiny_runs import best_of, checkpoints
from training.errors import HubError
from training.hub.calls import retried
from training.hub.checkpoints import check_repo, read_destination
from training.hub.pusher import push_pending
from training.hub.space_files import check_space, push_space
from training.run.run_folder import RunFolder, pull_run

# Faults after which the Hub has the commit although the client gets no answer; the client's next try finds the commit.
COMMIT_SUCCEEDS = ("hangs in the body", "cut", "answer lost", "a byte short")
pytestmark = pytest.mark.usefixtures("token")
every_fault = pytest.mark.parametrize("fault", FAULTS)


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "run")


def upload_route(fault: str, commit: str) -> str:
    """The request that fails: the commit, or the upload in which bytes can have a wrong hash."""
    return "PUT /lfs/" if fault == "wrong hash" else commit


def check_pushed(hub: LocalHub, run: Path, *, complete: bool) -> None:
    """Each commit on the Hub has all files of a checkpoint of the run, bit for bit; so has each branch if complete."""
    folders = {"training": checkpoints(run)[-1], "main": best_of(run)}
    for branch, folder in folders.items():
        log = hub.repos["ada/plays"].log(branch) if branch in hub.repos["ada/plays"].branches else []
        pushed = [commit for commit in log if commit.title != "initial commit"]
        for commit in pushed:
            state = "training_state/state.safetensors"
            names = [name for name in (*PUBLISHED_FILES, state) if (folder / name).exists() and name in commit.files]
            assert {"config.json", "model.safetensors", "manifest.json"} <= set(names)
            assert (state in names) is (branch == "training")
            for name in names:
                assert hub.read("ada/plays", name, commit.oid) == (folder / name).read_bytes()
        assert pushed or not complete, branch


@every_fault
def test_a_push_loses_nothing(hub: LocalHub, run: Path, fault: str) -> None:
    destination = check_repo("plays", private=False, license="unknown")
    lines: list[str] = []
    with faulty(hub, fault, upload_route(fault, "POST /api/models/ada/plays/commit/")):
        waiting = push_pending(run, destination, report=lines.append, deadline_s=0.8)
    for line in lines:
        check_line(line)
    check_pushed(hub, run, complete=not waiting)
    assert bool(waiting) or fault in (*HARMLESS, *COMMIT_SUCCEEDS), lines
    assert not waiting or [line for line in lines if re.search("failed: |no answer yet|more to push", line)]
    assert push_pending(run, read_destination(run), report=lines.append) == []
    check_pushed(hub, run, complete=True)


@every_fault
def test_a_run_is_downloaded_whole_or_not_at_all(hub: LocalHub, run: Path, tmp_path: Path, fault: str) -> None:
    assert push_pending(run, check_repo("plays", private=False, license="unknown"), report=print) == []
    newest = checkpoints(run)[-1]
    again = RunFolder(tmp_path / "again", resume=False)
    with faulty(hub, fault, "GET /ada/plays/resolve/.*/training_state/state.safetensors"):
        if fault in HARMLESS:
            pull_run("ada/plays", again)
        else:
            with pytest.raises(HubError) as caught:
                pull_run("ada/plays", again)
            check_line(str(caught.value))
            assert not list(again.path.glob("*step*"))
    if fault not in HARMLESS:
        pull_run("ada/plays", again)
    again.discard()
    pulled = checkpoints(again.path)[-1]
    for path in [path for path in newest.glob("**/*.*") if path.name not in ("README.md", "curve.png")]:
        assert (pulled / path.relative_to(newest)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("fault", ["cut", "answer lost", "wrong hash"])
def test_a_space_gets_one_whole_commit(hub: LocalHub, tmp_path: Path, fault: str) -> None:
    files = {"index.html": b"a page", "model.safetensors": bytes(5000), "files/sound.bin": b"\0" * 100}
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    space = check_space("page", "static", private=False, model=None)
    push = partial(push_space, space, tmp_path, "A page", {})
    with faulty(hub, fault, upload_route(fault, "POST /api/spaces/ada/page/commit/")):
        try:
            retried("pushing the page", push, print)
        except HubError as error:
            check_line(str(error))
        else:
            assert fault in COMMIT_SUCCEEDS
    retried("pushing the page", push, print)
    assert hub.repos["spaces/ada/page"].titles() == ["A page", "initial commit"]
    assert {name: hub.read("spaces/ada/page", name) for name in files} == files
