"""Other models: how many teachers a run trains first, and for how long; a vocabulary that grows."""

import json
import time
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Event

import numpy as np
import pytest
import torch

from model import CharLSTM, CharTokenizer, ChatFormat, LSTMNetwork
from tests.support.tiny_runs import words
from training.cli.child_trainings import OUTPUT, ChildTraining, Machine, train_all
from training.cli.fine_tune import weights_for_new_characters
from training.cli.options import parse_train
from training.cli.teachers import TeachersPlan, plan_teachers, read_plan
from training.errors import RunError
from training.learner.recipe import Recipe
from training.learner.trainer import Trainer
from training.run.run_folder import TEACHERS
from training.run.snapshot import TextFacts

TEXT = TextFacts(record={"name": "text", "sha256": "0", "characters": 9, "public": None}, examples=["a"])


def plan(typed: str, at_once: int = 2, chat: ChatFormat | None = None) -> TeachersPlan:
    return plan_teachers(parse_train(typed.split()), TEXT, chat, time.monotonic(), at_once)


def test_each_teacher_takes_half_the_steps_or_all_together_half_the_minutes() -> None:
    assert plan("a.txt --teachers 3 --steps 41").steps == 20
    for at_once, minutes in ((2, 2.5), (1, 1.25)):
        assert plan("a.txt --teachers 4 --minutes 10", at_once).minutes == pytest.approx(minutes, abs=0.01)


def test_a_plan_is_read_as_it_was_written_with_the_options_that_are_given_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chat = ChatFormat("A: ", "B: ", "\n")
    typed = "a.txt --teachers 2 --steps 9 --set seed=7 --from ./x --teacher bundled:bible --teacher ada/y"
    (tmp_path / "run").mkdir()
    (tmp_path / "x").mkdir()
    written = replace(plan(typed, chat=chat), seconds=5.0)
    written.write(tmp_path / "run")
    path = tmp_path / "run" / TEACHERS / "plan.json"
    content = json.loads(path.read_bytes())
    content["options"] |= {"track": True, "teachers": "auto"}
    content |= {"count": 2, "steps": 4, "complete": [1]}  # fields of earlier versions
    path.write_text(json.dumps(content))
    found = read_plan(parse_train(["--resume=run", "--push-to=ada/z", "--license=mit"]))
    assert found is not None
    assert found.count == 2
    assert found.options.text == (str(tmp_path / "a.txt"),)
    assert found.options.parent == str(tmp_path / "x")
    assert found.options.teacher == ("bundled:bible", "ada/y")
    assert f"--from={tmp_path / 'x'}" in written.training(tmp_path / "run", 1, "cpu").arguments, "Ray runs it elsewhere"
    assert (found.options.out, found.options.push_to, found.options.license) == ("run", "ada/z", "mit")
    assert replace(found, options=written.options) == written


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_a_plan_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / TEACHERS).mkdir()
    (tmp_path / TEACHERS / "plan.json").write_text(content)
    with pytest.raises(RunError, match=r"^'.*plan.json' cannot be read \(.*\): remove .*, and start the run again$"):
        read_plan(parse_train([f"--resume={tmp_path}"]))


def test_trainings_run_at_the_same_time_and_the_first_that_fails_stops_the_others(tmp_path: Path) -> None:
    trainings = [ChildTraining(folder=tmp_path / str(number), arguments=()) for number in range(5)]
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / OUTPUT).write_text("Reading …\nerror: no room\n")
    started, both = [], Barrier(2)

    def run(training: ChildTraining, stopped: Event) -> int:
        started.append(name := training.folder.name)
        if name in "01":
            both.wait(60)  # they run at the same time
        if name == "3":
            stopped.wait(60)
        return 2 if name == "2" else 0

    with pytest.raises(RunError, match=r"^teacher 2 could not be trained: no room$"):
        train_all(trainings, Machine(2, run, lambda: started.append("stopped")), lambda *_: None)
    assert {*started[:2]} == {"0", "1"}
    assert "stopped" in started


OLD = words(600)
NEW = words(600, seed=6).replace("mat", "mät").replace("owl", "öwl")  # ö and ä are new
SMALL = Recipe(embedding_size=8, hidden_size=32, num_layers=1, batch=8, window=32, steps=60, dropout_out=0.0)


def test_old_characters_keep_their_weights_and_new_ones_are_expected_as_often_as_they_come() -> None:
    known = CharTokenizer.from_text(OLD + "Z")  # it knows a character that no text has
    trainer = Trainer(SMALL, len(known), known.encode(OLD).astype(np.int32))
    for _ in range(SMALL.steps):
        trainer.step()
    parent = CharLSTM(trainer.average, known)
    tokenizer = CharTokenizer((*known.vocab, "ä", "ö"))
    ids = tokenizer.encode(NEW)
    grown, again = (weights_for_new_characters(parent, ids, len(tokenizer)) for _ in range(2))
    before = parent.network.state_dict()
    assert grown.keys() == before.keys()
    for name, tensor in before.items():
        assert torch.equal(grown[name][: len(tensor)], tensor), name
        assert torch.equal(grown[name], again[name]), name
    assert len({tuple(row.tolist()) for row in grown["embedding.weight"]}) == len(tokenizer)
    network = LSTMNetwork(replace(parent.config, vocab_size=len(tokenizer))).eval()
    network.load_state_dict(grown)
    with torch.inference_mode():
        logits, _ = network(torch.from_numpy(ids.astype(np.int64))[None])
    expected = logits[0].softmax(-1).mean(0)
    for character in "äö":
        frequency = NEW.count(character) / len(NEW)
        assert float(expected[tokenizer.vocab.index(character)]) == pytest.approx(frequency, rel=0.15)
