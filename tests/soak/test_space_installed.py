"""A Space as the Hub would run it: its folder alone, in an environment of its own, with only what it asks for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from gradio_client import Client  # type: ignore[import-untyped]
from gradio_client.exceptions import AppError  # type: ignore[import-untyped]

from model import generate
from tests.app_server import eventually, free_port
from tests.tiny import tiny_model
from training.space import write_app


@pytest.mark.parametrize("hardware", ["cpu-basic", "zero-gpu"])
def test_the_folder_of_a_space_serves_its_model(tmp_path: Path, hardware: str) -> None:
    lm, folder, python = tiny_model(), tmp_path / "space", str(tmp_path / "venv" / "bin" / "python")
    write_app(folder, lm, hardware)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"]
    subprocess.run(install, cwd=folder, check=True)
    port, log = str(free_port()), tmp_path / "log"
    zero = {"SPACES_ZERO_GPU": "true"} if hardware == "zero-gpu" else {}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    environment = {**kept, **zero, "GRADIO_SERVER_PORT": port, "HF_HOME": str(tmp_path / "hub")}
    with (
        log.open("w") as file,
        subprocess.Popen([python, "app.py"], cwd=folder, env=environment, stdout=file, stderr=file) as process,
    ):
        try:
            eventually(lambda: "at http" in log.read_text() or process.poll() is not None, timeout_s=180)
            assert process.poll() is None, log.read_text()
            client = Client(f"http://127.0.0.1:{port}", verbose=False)
            eventually(lambda: _written(client) == generate(lm, "ROMEO", 60, seed=7))
            client.close()
        finally:
            process.terminate()


def _written(client: Client) -> str:
    try:
        return str(client.predict("ROMEO", 60, 0.8, 0, 1, 7, api_name="/generate")[0])
    except AppError:  # the page answers before the model is loaded
        return ""
