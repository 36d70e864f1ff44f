"""The whole path once, as a user runs it: a text, training, the Hub, a model and its page, generated characters.

Only the Hub connects the training and the Space, which is a process of its own.
"""

from __future__ import annotations

import re
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client  # type: ignore[import-untyped]
from huggingface_hub import snapshot_download

from model import CharLSTM, generate, stream
from tests.local_hub import LocalHub
from tests.support.app_process import begin, started
from tests.support.tiny_runs import SIZES, Here, be_quick, metrics, write_text


def test_from_a_text_to_characters_in_another_program(
    hub: LocalHub, token: str, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_quick(monkeypatch.setattr)
    write_text(tmp_path, 1000, "tales.txt")
    typed = ("tales.txt", *SIZES, "--steps=60", "--set=evaluations=2,lr=0.02", "--push-to=tales")
    pages = ("--space=page", "--hardware=cpu-basic")
    code, output = here(*typed, *pages)
    assert code == 0, output
    assert output.endswith(f"  {hub.url}/spaces/ada/page\n")
    pushed = re.findall(r"pushed step-00000060 to ada/tales@main \(([0-9a-f]{8})\)", output)
    commit = hub.repos["ada/tales"].branches["main"]
    assert [commit[:8]] == pushed
    assert metrics(tmp_path / "runs/tales")[-1]["val_loss"] < metrics(tmp_path / "runs/tales")[0]["val_loss"]
    settings = hub.repos["spaces/ada/page"].space
    assert settings
    variables = {name: each["value"] for name, each in settings.variables.items()}
    assert variables == {"MODELS": "ada/tales"}

    monkeypatch.delenv("HF_TOKEN")  # from here on anyone
    lm = CharLSTM.from_pretrained("ada/tales", revision=commit)
    assert lm.commit == commit
    prompt = lm.training["examples"][0]
    expected = generate(lm, prompt, 300, temperature=0.9, seed=7)
    assert len(expected) == 300

    files = Path(snapshot_download("ada/page", repo_type="space", local_dir=tmp_path / "space"))
    # In a new folder the kernels would be compiled again, for ten seconds; torch computes the same numbers.
    with started(cwd=files, PYTHONPATH="", CHAR_LSTM_COMPILE="0", **variables) as (process, url):
        begin(url, 1)  # the model is loaded
        client = Client(url, verbose=False)
        job = client.submit(prompt, 300, 0.9, 0, 1.0, 7, api_name="/generate")
        messages: list[tuple[str, dict[str, Any]]] = list(job)
        client.close()
        process.send_signal(signal.SIGINT)  # Ctrl-C
        assert (process.wait(60), "Traceback" in process.stdout.read()) == (130, False)  # type: ignore[union-attr]
    texts = [text for text, _ in messages]
    assert texts[-1] == expected
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    about = messages[-1][1]
    assert (about["seed"], about["commit"], about["finish_reason"]) == (7, commit, "length")
    assert about["model"].startswith("ada/tales")
    assert "".join(stream(lm, prompt, 300, temperature=0.9, seed=7)) == expected
