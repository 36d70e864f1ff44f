"""A Space as the Hub runs it: only the pushed files, in a new environment with the installed requirements."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from model import generate
from tests.integration.conftest import here
from tests.local_hub import LocalHub
from tests.support.app_process import begin, reply, started
from tests.support.tiny_models import saved_files, tiny_model
from tests.support.tiny_runs import Here

__all__ = ["here"]

INHERITED = ("PATH", "HOME", "TMPDIR", "HF_ENDPOINT", "HF_HUB_DISABLE_XET")


@pytest.mark.parametrize("hardware", ["cpu-basic", "zero-gpu"])
def test_a_pushed_space_serves_the_pushed_model(
    hub: LocalHub, token: str, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hardware: str
) -> None:
    lm = tiny_model()
    commit = hub.commit(hub.add_repo("ada/plays"), saved_files(lm, tmp_path / "plays"))
    here("space", "ada/plays", "--space=page", f"--hardware={hardware}")
    folder = Path(snapshot_download("ada/page", repo_type="space", local_dir=tmp_path / "space"))
    variables = {name: each["value"] for name, each in hub.repos["spaces/ada/page"].space.variables.items()}  # type: ignore[union-attr]
    assert variables == {"MODELS": "ada/plays"}
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"]
    subprocess.run(install, cwd=folder, check=True)
    for name in {*os.environ} - {*INHERITED}:
        monkeypatch.delenv(name)
    hub_home = str(tmp_path / "hub")
    with started(program=(python, "app.py"), cwd=folder, HF_HOME=hub_home, **variables) as (_, url):
        begin(url, 1)
        text, about = reply(url, 60, seed=7)
    assert text == generate(lm, "ROMEO:", 60, seed=7)
    assert (about["model"], about["commit"]) == ("ada/plays", commit)
    if hardware == "zero-gpu":
        plain = "import spaces; assert spaces.GPU(len) is len"  # outside of ZeroGPU it has no effect
        subprocess.run([python, "-c", plain], check=True)
