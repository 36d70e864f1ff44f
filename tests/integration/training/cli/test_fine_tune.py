"""``--from MODEL``: another text, the same model, more characters; from a folder and from the Hub."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, constants

from model import CharLSTM
from tests.local_hub import LocalHub
from tests.support.tiny_models import ALPHABET, tiny_model
from tests.support.tiny_runs import Here, best_of, latest_of, outcome, words

REPO = "ada/parent"
QUICK = ("--set=batch=4,window=16", "--steps=6", "--set=evaluations=2", "--out=run")
SIZES = (5, 12, 2)


@pytest.fixture(autouse=True)
def _text(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(words(200).replace("mat", "mät 7"))


def test_from_the_hub_it_keeps_the_vocabulary_and_records_its_parent(
    hub: LocalHub, token: str, here: Here, tmp_path: Path
) -> None:
    parent = tiny_model()
    commit = parent.push_to_hub(REPO)
    code, output = here("text.txt", f"--from={REPO}@main", *QUICK)
    assert code == 0, output
    assert "2 of them new to the model, which has 58." in output
    lm = CharLSTM.from_pretrained(tmp_path / "run")
    assert lm.tokenizer.vocab == (*sorted(ALPHABET), "7", "ä")
    assert (lm.config.embedding_size, lm.config.hidden_size, lm.config.num_layers) == SIZES
    assert lm.training["base_model"] == f"{REPO}@{commit}"
    assert lm.training["base_corpus"] == "none"
    assert f"--from {REPO}@main" in lm.training["command"]
    card = ModelCard.load(best_of(tmp_path / "run") / "README.md")
    assert (card.data.base_model, card.data.to_dict()["base_model_relation"]) == (REPO, "finetune")
    assert f"It was fine-tuned from [{REPO}]({constants.ENDPOINT}/{REPO}) at {commit[:7]}" in card.text


def test_a_parent_in_a_folder_is_not_named_and_not_needed_to_resume(here: Here, tmp_path: Path) -> None:
    parent = tmp_path / "hidden-place" / "model"
    tiny_model().save_pretrained(parent)
    assert here("text.txt", "--from", parent, *QUICK)[0] == 0
    best = best_of(tmp_path / "run")
    for file in ("config.json", "README.md", "training_state/state.json"):
        assert not re.search(f"hidden-place|{re.escape(str(tmp_path))}", (best / file).read_text()), file
    assert "base_model" not in json.loads((best / "config.json").read_text())["training"]
    assert "It was fine-tuned from another model, trained on `none`." in (best / "README.md").read_text()
    whole = outcome(tmp_path / "run")
    shutil.rmtree(parent)
    shutil.rmtree(latest_of(tmp_path / "run"))
    assert here("--resume=run")[0] == 0
    assert outcome(tmp_path / "run") == whole
