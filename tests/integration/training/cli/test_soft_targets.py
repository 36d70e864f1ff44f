"""``--teacher MODEL``: learning from models too; recorded, and resumed exactly."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, constants

from model import CharLSTM
from tests.local_hub import LocalHub
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import Here, best_of, latest_of, outcome, words

QUICK = ("--set=hidden_size=12,batch=4,window=16", "--steps=6", "--set=evaluations=2", "--out=run")


@pytest.fixture(autouse=True)
def _text(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(words(200))


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    tiny_model(seed=3).save_pretrained(tmp_path / "teacher")
    return tmp_path / "teacher"


def test_teachers_change_the_weights_and_are_recorded(
    hub: LocalHub, token: str, here: Here, teacher: Path, tmp_path: Path
) -> None:
    commit = tiny_model(seed=4).push_to_hub("ada/other")
    assert here("text.txt", *QUICK)[0] == 0
    alone = outcome(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    code, output = here("text.txt", f"--teacher={teacher}", "--teacher=ada/other", *QUICK)
    assert code == 0, output
    assert outcome(tmp_path / "run") != alone
    assert not (tmp_path / "run" / "expected.f16").exists()
    lm = CharLSTM.from_pretrained(tmp_path / "run")
    assert lm.training["taught_by"]["models"] == ["", f"ada/other@{commit}"]
    assert "--teacher MODEL --teacher ada/other" in lm.training["command"]
    card = ModelCard.load(best_of(tmp_path / "run") / "README.md")
    assert f"from [ada/other]({constants.ENDPOINT}/ada/other) at {commit[:7]} and a model," in card.text
    assert str(tmp_path) not in card.text + str(lm.training)


def test_it_resumes_exactly_with_stored_soft_targets_or_with_the_teacher(
    here: Here, teacher: Path, tmp_path: Path
) -> None:
    assert here("text.txt", "--teacher=./teacher", *QUICK)[0] == 0
    run, whole = tmp_path / "run", outcome(tmp_path / "run")
    code, output = here("--resume=run")
    assert (code, "This run is complete" in output) == (0, True)
    shutil.rmtree(latest_of(run))  # as if it had been killed before its last checkpoint
    shutil.copytree(run, tmp_path / "again")
    code, output = here("--resume=run")
    assert code == 2
    assert "resume it with --teacher MODEL for each of them" in output
    code, output = here("--resume=run", "--teacher=./teacher")
    assert code == 0, output
    assert "may differ" not in output
    assert outcome(run) == whole
    tiny_model(seed=9).save_pretrained(teacher)
    code, output = here("--resume=again", "--teacher=./teacher")
    assert code == 0, output
    assert "the predictions of the teachers have changed since the start" in output
