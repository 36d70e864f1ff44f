"""Training on a machine of the Hub's, as that machine does it: a script, the code in a folder, and a Hub."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tests.integration.conftest import Here
from tests.local_hub import LocalHub
from tests.support.hub_job import SCRIPT, copy_volumes, script_header
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import ROOT, SIZES, before_step, write_text
from training import job
from training.errors import RunError
from training.hub.space_files import check_project

RUN = ("text.txt", *SIZES, "--steps=9", "--evaluations=1", "--push-to=plays")


@pytest.fixture(autouse=True)
def _text(tmp_path: Path) -> None:
    write_text(tmp_path)


@pytest.fixture
def run_job(here: Here, monkeypatch: pytest.MonkeyPatch) -> Here:
    """The script, and what it becomes, in this process; tests/soak has real ones. The exit code and what was said."""

    def become(_: str, words: list[str], __: object) -> None:
        raise SystemExit(*here(*words[3:]))

    def run(*arguments: str | Path) -> tuple[int, str]:
        monkeypatch.setattr(os, "execve", become)
        monkeypatch.setattr(sys, "path", [str(SCRIPT.parent), *sys.path[1:]])
        with pytest.raises(SystemExit) as left:
            job.main([*map(str, arguments)])
        code, said = left.value.args
        return code, said

    return run


def test_preempted_and_started_again_it_goes_on(
    hub: LocalHub, token: str, run_job: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as first:
        before_step(first, 5, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert run_job(*RUN)[0] == 143
    shutil.rmtree(tmp_path / "runs")  # the machine is gone
    code, said = run_job(*RUN)
    assert code == 0, said
    assert "Going on from step 5 of 9." in said
    assert said.splitlines()[-1] == f"On the Hub: {hub.url}/ada/plays"


def test_it_tells_what_it_would_do(
    hub: LocalHub, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", [str(SCRIPT.parent), *sys.path[1:]])
    assert job.main([*RUN, "--dry-run"]) == 0
    words = f"  python -m training {' '.join(RUN)}"
    begins = f"Would begin a run and push it to ada/plays, with the code in {ROOT}:\n{words}\n"
    assert capsys.readouterr().err == begins
    assert sys.path[0] == str(ROOT), "names such as signals are not this folder's to give"
    state = b'{"about": {"command": "python -m training text.txt --steps 9 --push-to plays"}}'
    hub.commit(hub.add_repo("ada/plays"), {"training_state/state.json": state}, branch="training")
    assert job.main(["text.txt", "--steps=9", "--push-to=plays", "--license=cc0-1.0", "--dry-run"]) == 2
    assert job.main(["text.txt", "--steps=9", "--push-to=plays", "--dry-run"]) == 0
    refused, goes_on = capsys.readouterr().err.split("\n", 1)
    assert refused == (
        "error: ada/plays holds a run that was begun by another command (python -m training text.txt --steps 9 "
        "--push-to plays): go on with it by --resume hf://ada/plays, or name another repo"
    )
    assert goes_on.splitlines()[1] == "  python -m training text.txt --resume hf://ada/plays"
    assert not hub.requests("POST|PUT|DELETE"), "it only looks"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["text.txt"], "this machine keeps nothing: say where the run goes with --push-to NAME"),
        (["text.txt", "--push-to=a/b/c"], "'a/b/c' is not the name of a repo"),
        (["text.txt", "--push-to=plays", "--steps=0"], "--steps is 0: it must be a whole number"),
        (["text.txt", "--push-to=plays"], "pushing to 'plays' needs a token of the Hub and there is none"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, typed: list[str], says: str
) -> None:
    monkeypatch.setattr(sys, "path", [str(SCRIPT.parent), *sys.path[1:]])
    assert job.main(typed) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {says}")
    assert said.count("\n") == 1


def test_code_that_is_not_there_is_told(tmp_path: Path) -> None:
    shutil.copy(SCRIPT, tmp_path)
    done = subprocess.run([sys.executable, "job.py", *RUN], cwd=tmp_path, env={}, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: the folders model and training are not in {tmp_path.parent} or {job.MOUNTED}: type the command in a "
        "checkout of the project, or say where they are in the variable CODE\n"
    )


def test_the_machine_has_all_that_a_page_is_made_of(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for Gradio, which it needs only to say its version."""
    tiny_model().save_pretrained(tmp_path / "plays")
    kinds = ("static", "cpu-basic", "zero-gpu")
    for hardware in kinds:
        assert here("space", "plays", f"--out=checkout/{hardware}", f"--hardware={hardware}")[0] == 0
    code = copy_volumes(tmp_path)
    monkeypatch.setattr("training.hub.space_files.ROOT", code)

    def not_installed(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", not_installed)
    for hardware in kinds:
        status, said = here("space", "plays", f"--out=there/{hardware}", f"--hardware={hardware}")
        assert status == 0, said
    there, checkout = files_in(tmp_path / "there"), files_in(tmp_path / "checkout")
    assert there.keys() == checkout.keys()
    different = {name for name in there if there[name] != checkout[name]}
    assert different <= {"cpu-basic/README.md", "zero-gpu/README.md"}, "Gradio's version alone"
    assert b"sdk_version: 6.31.0\n" in there["cpu-basic/README.md"]


def test_a_link_that_came_as_its_text_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As git writes it where there are no links."""
    code = copy_volumes(tmp_path)
    (code / "training" / "root" / "app.py").write_text("../../app.py")
    monkeypatch.setattr("training.hub.space_files.ROOT", code)
    check_project("static")
    with pytest.raises(RunError, match=r"files that a page needs are missing \(app\.py\)"):
        check_project("cpu-basic")


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_client_reads_from_the_script_what_the_machine_is_to_have() -> None:
    text, header = SCRIPT.read_text(encoding="utf-8"), script_header()
    assert (header.flavor, header.secrets) == ("t4-small", ["HF_TOKEN"])
    brought = dict(each.split(":") for each in header.volumes)
    assert brought == {f"./{name}": f"{job.MOUNTED}/{name}" for name in ("model", "training", "ui", "web")}
    files = (ROOT / "requirements.txt", ROOT / "training" / "requirements.txt")
    lines = [line.partition("#")[0].strip() for path in files for line in path.read_text().splitlines()]
    needed = {line for line in lines if line and not line.startswith("gradio")}
    assert set(re.findall(r'^#     "(.*)",$', text, re.MULTILINE)) == needed
