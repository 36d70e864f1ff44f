"""The bundled models: small, complete, and with the loss that their cards state."""

import json
import re
from typing import Any

import pytest
import torch

from model import PRETRAINED, CharLSTM, CheckpointError, generate
from model.char_lstm import is_local
from model.checkpoint.names import BUNDLED_FOLDER, bundled_names, bundled_spec
from model.checkpoint.record import stored_welcome

NAMES = sorted(path.name for path in BUNDLED_FOLDER.iterdir() if path.is_dir())
SIZES = {"shakespeare": 10_000_000}  # bytes of all files; 2 MB for the others


def plain_loss(card: str, text: str) -> float:
    """The loss of a text in nats per character, with the plain code of a card, which is run in its folder."""
    code = re.findall(r"^```python\n(.*?)^```$", card, re.DOTALL | re.MULTILINE)[-1]
    names: dict[str, Any] = {}
    exec(code, names)
    with torch.no_grad():
        logits, _ = names["read"]("\n" + text[:-1])
    ids = torch.tensor([names["vocab"].index(character) for character in text])
    return float(torch.nn.functional.cross_entropy(logits, ids))


def test_the_default_model_is_the_first_and_its_losses_are_in_the_readme():
    assert bundled_names()[0] == "shakespeare"
    assert sorted(bundled_names()) == NAMES
    assert BUNDLED_FOLDER / "shakespeare" == PRETRAINED
    assert sum(path.stat().st_size for path in BUNDLED_FOLDER.rglob("*.safetensors")) <= 25_000_000
    noted = CharLSTM.from_pretrained(PRETRAINED).training
    readme = (BUNDLED_FOLDER.parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"| {noted['val_loss']:.3f} nats per character with the state carried over" in readme
    assert f" {noted['val_cold256']:.3f} with the state reset every 256 characters |" in readme


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_model_is_small_and_complete(name: str):
    folder = BUNDLED_FOLDER / name
    assert sum(path.stat().st_size for path in folder.iterdir()) <= SIZES.get(name, 2_000_000)
    lm = CharLSTM.from_pretrained(bundled_spec(name))
    assert lm.name == name
    assert lm.cells
    examples = lm.training["examples"]
    assert len(examples) == 4
    assert all(lm.tokenizer.in_vocab(example).all() for example in examples)
    welcome, seed = stored_welcome(lm.training)
    assert len(welcome) > 80
    assert generate(lm, "", 240, seed=seed).startswith(welcome)
    assert len({sample["step"] for sample in lm.samples}) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_plain_torch_finds_the_loss_of_the_card(name: str, monkeypatch: pytest.MonkeyPatch):
    folder = BUNDLED_FOLDER / name
    training = json.loads((folder / "config.json").read_text(encoding="utf-8"))["training"]
    card = (folder / "README.md").read_text(encoding="utf-8")
    stated = re.search(r"held-out characters are stored in config.json.* they cost ([\d.]+) nats per character", card)
    assert stated
    monkeypatch.chdir(folder)
    assert plain_loss(card, training["passage"]) == pytest.approx(float(stated[1]), abs=1e-4)
    assert f"| {training['val_loss']:.4f} |" in card
    assert len(training["passage"]) == 1_000
    assert "\n## Text\n" in card
    assert "unknown" not in card


def test_a_bundled_model_that_is_not_there_is_refused_with_the_names_of_the_others():
    assert is_local("bundled:nope")
    with pytest.raises(CheckpointError, match="there is no bundled model 'nope': choose one of shakespeare"):
        CharLSTM.from_pretrained("bundled:nope")
