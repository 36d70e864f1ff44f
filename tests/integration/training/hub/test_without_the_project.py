"""What a pushed model offers to people without this project: code for torch and safetensors alone, and a notebook."""

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from model import CharLSTM, generate
from model.__main__ import main
from model.checkpoint.names import NOTEBOOK
from tests.local_hub import LocalHub
from tests.support.tiny_runs import SIZES, write_text
from training.__main__ import main as train

# What `import torch` needs, beside safetensors.
LIBRARIES = ("torch", "torchgen", "typing_extensions.py", "sympy", "mpmath", "safetensors")
LOSS = """
text = {text!r}
logits, _ = read({start!r} + text[:-1])
print("loss:", torch.nn.functional.cross_entropy(logits, torch.tensor([vocab.index(each) for each in text])).item())
"""


@pytest.fixture(scope="module")
def card(module_hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Pushes a model to the repo ada/plays, and returns its card."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", module_hub.add_token("ada"))
        words = (*SIZES, "--steps=40", "--set=evaluations=1", "--push-to=plays", f"--out={folder / 'run'}")
        assert train([str(write_text(folder)), *words]) == 0
    return module_hub.read("ada/plays", "README.md").decode()


def blocks(card: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)\n```$", card, re.DOTALL | re.MULTILINE)


def test_the_code_of_the_card_finds_the_loss_that_the_card_states(card: str, tmp_path: Path) -> None:
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for name in LIBRARIES:
        (libraries / name).symlink_to(Path(torch.__file__).parents[1] / name)
    download = re.search(r"after `(hf download .*?)`", card)
    assert download
    hf, *words = shlex.split(download[1])
    subprocess.run([Path(sys.executable).with_name(hf), *words], check=True, cwd=tmp_path, capture_output=True)
    code, sample = blocks(card, "python")[-1], blocks(card, "text")[0]
    assert len(code.splitlines()) <= 25
    stated = re.search(r"zeros after `(.+?)`, the first sample below costs\n([\d.]+) nats", card)
    assert stated
    program = code + LOSS.format(text=sample, start=ast.literal_eval(stated[1]))
    start = f"import sys; sys.path.append({str(libraries)!r}); exec(sys.stdin.read())"
    alone = [sys.executable, "-I", "-S", "-c", start]  # without site-packages
    done = subprocess.run(alone, input=program, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    written, _, loss = done.stdout.rpartition("\nloss: ")
    assert float(loss) == pytest.approx(float(stated[2]), abs=6e-5)
    assert len(written) == len("the") + 500


def test_the_command_of_the_card_runs(card: str, capsys: pytest.CaptureFixture[str]) -> None:
    program, *words = shlex.split(blocks(card, "bash")[0].splitlines()[-1])
    assert program == "char-lstm"
    assert main([*words, "--seed=1", "--length=50"]) == 0
    assert capsys.readouterr().out == generate(CharLSTM.from_pretrained("ada/plays"), "the", 50, seed=1)


@pytest.mark.usefixtures("card")
def test_the_notebook_runs_and_leaves_a_model(module_hub: LocalHub, tmp_path: Path) -> None:
    notebook = json.loads(module_hub.read("ada/plays", NOTEBOOK))
    install, *cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert install["source"].startswith("%pip install --quiet torch==")
    seed = {**install, "source": "import torch; _ = torch.manual_seed(1)"}
    (tmp_path / NOTEBOOK).write_text(json.dumps({**notebook, "cells": [seed, *cells]}))
    execute = [sys.executable, "-m", "jupyter", "execute", "--inplace", NOTEBOOK]
    done = subprocess.run(execute, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outputs = [output for cell in json.loads((tmp_path / NOTEBOOK).read_text())["cells"] for output in cell["outputs"]]
    [shown] = [output["data"]["text/html"] for output in outputs if "data" in output]
    assert "".join(shown).count("<span") == len("the") + 400
    losses = [
        float(loss) for output in outputs for loss in re.findall(r": ([\d.]+) nats", "".join(output.get("text", "")))
    ]
    assert len(losses) == 5, losses
    assert losses[-1] < losses[0]
    tuned = CharLSTM.from_pretrained(tmp_path / "tuned")
    assert tuned.config == CharLSTM.from_pretrained("ada/plays").config
    assert tuned.training == {"license": "unknown", "quotes": "model"}
    assert len(generate(tuned, "the", 50)) == 50
