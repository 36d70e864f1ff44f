"""The whole road, once, as strangers walk it: a text, training, the Hub, a pull by commit, the app, characters.

Every station is a process of its own, as people start it; between them there is only the Hub.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client  # type: ignore[import-untyped]

from model import CharLSTM, generate, stream
from tests.local_hub import LocalHub
from tests.support.ports import free_port
from tests.support.tiny_runs import ROOT, SIZES, environment, metrics, write_text
from tests.support.training_processes import train

_STARTING_S = 180


@contextmanager
def app(model: str, log: Path) -> Iterator[str]:
    """``python app.py --model …``; its address."""
    port = free_port()
    words = [sys.executable, str(ROOT / "app.py"), "--model", model]
    with log.open("w") as out:
        process = subprocess.Popen(
            words, cwd=log.parent, env=environment(GRADIO_SERVER_PORT=str(port)), stdout=out, stderr=out
        )
    try:
        yield _answering(process, f"http://127.0.0.1:{port}/", log)
    finally:
        process.terminate()
        process.wait(_STARTING_S)


def _answering(process: subprocess.Popen[bytes], url: str, log: Path) -> str:
    end = time.monotonic() + _STARTING_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(url, timeout=_STARTING_S).status_code == 200:
                return url
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the app does not answer:\n{log.read_text()}")


def test_from_a_text_to_characters_in_another_program(
    hub: LocalHub, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path, 1000, "tales.txt")
    run = train("tales.txt", *SIZES, "--steps=120", "--evaluations=2", "--lr=0.02", "--push-to=tales", cwd=tmp_path)
    assert run.end() == 0, run.output
    assert run.lines[-1] == f"On the Hub: {hub.url}/ada/tales"
    pushed = re.findall(r"pushed step-00000120 to ada/tales@main \(([0-9a-f]{8})\)", run.output)
    commit = hub.repos["ada/tales"].branches["main"]
    assert [commit[:8]] == pushed
    assert metrics(tmp_path / "runs/tales")[-1]["val_loss"] < metrics(tmp_path / "runs/tales")[0]["val_loss"]

    monkeypatch.delenv("HF_TOKEN")  # from here on anyone
    lm = CharLSTM.from_pretrained("ada/tales", revision=commit)
    assert lm.commit == commit
    prompt = lm.training["examples"][0]
    expected = generate(lm, prompt, 300, temperature=0.9, seed=7)
    assert len(expected) == 300

    with app(f"ada/tales@{commit}", tmp_path / "app.log") as url:
        client = Client(url, verbose=False)
        job = client.submit(prompt, 300, 0.9, 0, 1.0, 7, api_name="/generate")
        messages: list[tuple[str, dict[str, Any]]] = list(job)
        client.close()
    texts = [text for text, _ in messages]
    assert texts[-1] == expected
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    about = messages[-1][1]
    assert (about["seed"], about["commit"], about["finish_reason"]) == (7, commit, "length")
    assert about["model"].startswith("ada/tales")
    assert "".join(stream(lm, prompt, 300, temperature=0.9, seed=7)) == expected
