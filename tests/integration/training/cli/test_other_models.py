"""``--from MODEL`` and ``--teacher MODEL``: a run starts or learns from models of a folder and of the Hub.

What it starts from is recorded and published without local paths, and it resumes exactly.
"""

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

pytestmark = pytest.mark.usefixtures("token")
STEPS = ("--steps=6", "--set=evaluations=2", "--out=run")
QUICK = ("--set=batch=4,window=16", *STEPS)
SIZED = ("--set=hidden_size=12,batch=4,window=16", *STEPS)


@pytest.fixture(autouse=True)
def _text(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text(words(200))
    (tmp_path / "text.txt").write_text(words(200).replace("mat", "mät 7"))


def test_from_the_hub_it_keeps_the_vocabulary_and_records_its_parent(hub: LocalHub, here: Here, tmp_path: Path) -> None:
    parent = tiny_model()
    commit = parent.push_to_hub("ada/parent")
    output = here("text.txt", "--from=ada/parent@main", *QUICK)
    assert "2 of them new to the model, which has 58." in output
    lm = CharLSTM.from_pretrained(tmp_path / "run")
    assert lm.tokenizer.vocab == (*sorted(ALPHABET), "7", "ä")
    assert (lm.config.embedding_size, lm.config.hidden_size, lm.config.num_layers) == (5, 12, 2)
    assert lm.training["base_model"] == f"ada/parent@{commit}"
    assert lm.training["base_corpus"] == "none"
    assert "--from ada/parent@main" in lm.training["command"]
    card = ModelCard.load(best_of(tmp_path / "run") / "README.md")
    assert (card.data.base_model, card.data.to_dict()["base_model_relation"]) == ("ada/parent", "finetune")
    assert f"It was fine-tuned from [ada/parent]({constants.ENDPOINT}/ada/parent) at {commit[:7]}" in card.text


def test_a_parent_in_a_folder_is_not_named_and_not_needed_to_resume(here: Here, tmp_path: Path) -> None:
    parent = tmp_path / "hidden-place" / "model"
    tiny_model().save_pretrained(parent)
    here("text.txt", "--from", parent, *QUICK)
    best = best_of(tmp_path / "run")
    for file in ("config.json", "README.md", "training_state/state.json"):
        assert not re.search(f"hidden-place|{re.escape(str(tmp_path))}", (best / file).read_text()), file
    assert "base_model" not in json.loads((best / "config.json").read_text())["training"]
    assert "It was fine-tuned from another model, trained on `none`." in (best / "README.md").read_text()
    whole = outcome(tmp_path / "run")
    shutil.rmtree(parent)
    shutil.rmtree(latest_of(tmp_path / "run"))
    here("--resume=run")
    assert outcome(tmp_path / "run") == whole


def test_teachers_change_the_weights_and_are_recorded_and_resumed_exactly(
    hub: LocalHub, here: Here, tmp_path: Path
) -> None:
    teacher, run, again = tmp_path / "teacher", tmp_path / "run", tmp_path / "again"
    tiny_model(seed=3).save_pretrained(teacher)
    commit = tiny_model(seed=4).push_to_hub("ada/other")
    here("plain.txt", *SIZED)
    alone = outcome(run)
    shutil.rmtree(run)
    here("plain.txt", "--teacher=./teacher", "--teacher=ada/other", *SIZED)
    whole = outcome(run)
    assert whole != alone
    lm = CharLSTM.from_pretrained(run)
    assert lm.training["taught_by"]["models"] == ["", f"ada/other@{commit}"]
    assert "--teacher MODEL --teacher ada/other" in lm.training["command"]
    card = ModelCard.load(best_of(run) / "README.md")
    assert f"from [ada/other]({constants.ENDPOINT}/ada/other) at {commit[:7]} and a model," in card.text
    assert str(tmp_path) not in card.text + str(lm.training)
    assert "This run is complete" in here("--resume=run")
    assert not (run / "expected.f16").exists()
    shutil.rmtree(latest_of(run))  # as if it had been killed before its last checkpoint
    shutil.copytree(run, again)
    assert "resume it with --teacher MODEL for each of them" in here("--resume=run", code=2)
    assert "may differ" not in here("--resume=run", "--teacher=./teacher", "--teacher=ada/other")
    assert outcome(run) == whole
    tiny_model(seed=9).save_pretrained(teacher)
    assert "the predictions of the teachers have changed since the start" in here(
        "--resume=again", "--teacher=./teacher", "--teacher=ada/other"
    )
