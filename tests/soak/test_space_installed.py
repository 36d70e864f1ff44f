"""A Space as the Hub runs it: only the pushed files, in a new environment with the installed requirements."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from gradio_client import Client  # type: ignore[import-untyped]
from gradio_client.exceptions import AppError  # type: ignore[import-untyped]
from huggingface_hub import snapshot_download

from model import generate
from tests.integration.conftest import here
from tests.local_hub import LocalHub
from tests.support.app_server import eventually
from tests.support.ports import free_port
from tests.support.tiny_models import saved_files, tiny_model
from tests.support.tiny_runs import Here

__all__ = ["here"]

LENGTH, SEED = 60, 7


@pytest.fixture
def plays(hub: LocalHub, token: str, tmp_path: Path) -> str:
    """Push a model to the Hub; returns its text."""
    lm = tiny_model()
    hub.add_repo("ada/plays", saved_files(lm, tmp_path / "plays"))
    return generate(lm, "ROMEO", LENGTH, seed=SEED)


@pytest.mark.parametrize("hardware", ["cpu-basic", "zero-gpu"])
def test_a_pushed_space_serves_the_pushed_model(
    hub: LocalHub, plays: str, here: Here, tmp_path: Path, hardware: str
) -> None:
    folder = pushed(here, tmp_path, hardware)
    variables = {name: each["value"] for name, each in hub.repos["spaces/ada/page"].space.variables.items()}  # type: ignore[union-attr]
    assert variables == {"MODELS": "ada/plays"}
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"]
    subprocess.run(install, cwd=folder, check=True)
    commit = hub.repos["ada/plays"].commit("main").oid
    assert written(python, folder, **variables) == (plays, "ada/plays", commit)
    if hardware == "zero-gpu":
        plain = "import spaces; assert spaces.GPU(len) is len"  # outside of ZeroGPU it has no effect
        subprocess.run([python, "-c", plain], check=True)


def pushed(here: Here, tmp_path: Path, hardware: str) -> Path:
    """Publish a page by the command line; returns the files on the Hub."""
    code, output = here("space", "ada/plays", "--space=page", f"--hardware={hardware}")
    assert code == 0, output
    return Path(snapshot_download("ada/page", repo_type="space", local_dir=tmp_path / "space"))


def written(python: str, folder: Path, **variables: str) -> tuple[str, str, str]:
    """Return the text that the app of a Space generates, with its model and commit."""
    inherited = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "TMPDIR", "HF_ENDPOINT", "HF_HUB_DISABLE_XET")
        if name in os.environ
    }
    port, log = str(free_port()), folder.with_name("log")
    environment = {**inherited, **variables, "GRADIO_SERVER_PORT": port, "HF_HOME": str(folder.with_name("hub"))}
    with (
        log.open("w") as file,
        subprocess.Popen([python, "app.py"], cwd=folder, env=environment, stdout=file, stderr=file) as process,
    ):
        try:
            eventually(lambda: "at http" in log.read_text() or process.poll() is not None, timeout_s=180)
            assert process.poll() is None, log.read_text()
            client = Client(f"http://127.0.0.1:{port}", verbose=False)
            replies: list[tuple[str, str, str]] = []

            def generated() -> bool:
                replies.extend(_generate(client))
                return bool(replies)

            eventually(generated)
            client.close()
            return replies[0]
        finally:
            process.terminate()


def _generate(client: Client) -> list[tuple[str, str, str]]:
    try:
        text, about = client.predict("ROMEO", LENGTH, 0.8, 0, 1, SEED, api_name="/generate")
    except AppError:  # the page is served before the model is loaded
        return []
    return [(str(text), str(about["model"]), str(about["commit"]))]
