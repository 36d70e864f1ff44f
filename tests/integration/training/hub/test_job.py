"""Training on a machine of the Hub: the script, the code in a folder, and a local Hub."""

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub.cli._uv_script_header import UvScriptHeader, parse_uv_script_header

from tests.local_hub import LocalHub
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import ROOT
from training import job
from training.hub.space_files import write_static

SCRIPT = ROOT / "training" / "job.py"
RUN = ("text.txt", "--steps=9", "--push-to=plays")


def script_header() -> UvScriptHeader:
    """Returns the script's header as the client reads it."""
    header = parse_uv_script_header(SCRIPT.read_text(encoding="utf-8"))
    assert header
    return header


def copy_volumes(machine: Path) -> Path:
    """Copies the volumes of the script's header as the client does; returns their folder."""
    for volume in script_header().volumes:
        source, mounted = volume.split(":")
        target = machine / mounted.removeprefix("/")
        if not target.exists():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
    return machine / "code"


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Returns what the script prints before it starts the training, or its error."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(os, "execve", lambda *_: None)
        monkeypatch.setattr(sys, "path", [str(SCRIPT.parent), *sys.path[1:]])
        with contextlib.suppress(SystemExit):
            job.main(arguments)
        assert sys.path[0] == str(ROOT), "the modules of the package training cannot be imported by their short names"
        return capsys.readouterr().err

    return run


def test_the_script_starts_a_run_or_resumes_the_one_of_the_same_command(
    hub: LocalHub, token: str, printed: Callable[..., str]
) -> None:
    begins = (
        f"Will start a run and push it to ada/plays, with the code in {ROOT}:\n  python -m training {' '.join(RUN)}\n"
    )
    assert printed(*RUN) == begins
    repo = hub.add_repo("ada/plays")
    for program in ("char-lstm train", "python -m training", "hf char-lstm train", "python -m char_lstm train"):
        command = f"{program} text.txt --steps 9 --push-to plays"
        state = json.dumps({"about": {"command": command}}).encode()
        hub.commit(repo, {"training_state/state.json": state}, branch="training")
        assert printed(*RUN, "--license=cc0-1.0") == (
            f"error: ada/plays holds a run that another command started ({command}): "
            "resume it with --resume hf://ada/plays, or name another repo\n"
        )
        assert printed(*RUN).splitlines()[1] == "  python -m training text.txt --resume hf://ada/plays"
    assert not hub.requests("POST|PUT|DELETE"), "nothing is changed on the Hub"


def test_no_secret_of_an_address_is_printed(hub: LocalHub, token: str, printed: Callable[..., str]) -> None:
    address = "https://ada:pass@word@example.org/my.txt?signature=secret#part"
    output = printed(address, "hf://datasets/ada/words@v1", "--push-to=plays")
    assert "https://example.org/my.txt hf://datasets/ada/words@v1 --push-to=plays" in output
    assert "pass" not in output
    assert "secret" not in output


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["text.txt"], "this machine keeps no files: push the run with --push-to NAME"),
        (["text.txt", "--push-to=plays", "--steps=0"], "--steps is 0: it must be a whole number"),
        (["text.txt", "--push-to=plays"], "pushing to 'plays' needs a token of the Hub and there is none"),
    ],
)
def test_an_invalid_command_is_one_line(
    hub: LocalHub, printed: Callable[..., str], typed: list[str], message: str
) -> None:
    output = printed(*typed)
    assert output.startswith(f"error: {message}")
    assert output.count("\n") == 1


def test_the_machine_has_the_files_of_a_static_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_static(tmp_path / "checkout", tiny_model())
    monkeypatch.setattr("training.hub.space_files.ROOT", copy_volumes(tmp_path))
    write_static(tmp_path / "there", tiny_model())
    files = {path.relative_to(tmp_path / "checkout") for path in (tmp_path / "checkout").rglob("*.*")}
    assert len(files) > 100
    for path in files:
        assert (tmp_path / "there" / path).read_bytes() == (tmp_path / "checkout" / path).read_bytes(), path


def test_the_header_of_the_script_lists_the_code_and_all_requirements() -> None:
    text, header = SCRIPT.read_text(encoding="utf-8"), script_header()
    assert (header.flavor, header.secrets) == ("t4-small", ["HF_TOKEN"])
    volumes = dict(each.split(":") for each in header.volumes)
    assert volumes == {f"./{name}": f"{job.MOUNTED}/{name}" for name in ("model", "training", "web")}
    files = (ROOT / "requirements.txt", ROOT / "training" / "requirements.txt")
    lines = [line.partition("#")[0].strip() for path in files for line in path.read_text().splitlines()]
    needed = {line for line in lines if line and not line.startswith(("gradio", "uvicorn"))}
    assert set(re.findall(r'^#     "(.*)",$', text, re.MULTILINE)) == needed
