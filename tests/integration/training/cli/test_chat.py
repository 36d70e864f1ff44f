"""Training on a chat export: turns, the chat format in the config, and resuming."""

import random
import re
import shutil
from pathlib import Path

import pytest

from model import CharLSTM, ChatFormat
from tests.support.tiny_runs import SIZES, Here, best_of, latest_of, outcome

QUICK = (*SIZES, "--steps=6", "--set=evaluations=2", "--out=run")


@pytest.fixture(autouse=True)
def _chat(tmp_path: Path) -> None:
    draw = random.Random(1)
    lines = ["31/12/2021, 23:58 - Messages and calls are end-to-end encrypted."]
    for minute in range(60):
        lines += [f"31/12/2021, 10:{minute:02d} - Anna: Hi", f"31/12/2021, 10:{minute:02d} - Ben: Ho {draw.random()}"]
        lines += [f"31/12/2021, 10:{minute:02d} - Ben: <Media omitted>"]
    (tmp_path / "chat.txt").write_text("\n".join([*lines, "31/12/2021, 10:59 - Anna: and more"]))


def test_a_chat_is_read_into_turns_and_the_model_has_its_format(here: Here, tmp_path: Path) -> None:
    output = here("chat.txt", "--quote-chat", "--reply-as=Ben", *QUICK)
    assert "warning: chat.txt: left out 61 of 182 messages: notices, calls, files and the like" in output
    assert "121 messages of 2 speakers: the model writes as Ben to Anna." in output
    lm = CharLSTM.from_pretrained(tmp_path / "run")
    assert lm.chat == ChatFormat("Anna: ", "\n\nBen: ", "\n\n")
    assert lm.training["examples"] == ["Hi"]
    assert lm.training["command"].startswith("char-lstm train TEXT --steps 6 --chat --quote-chat --reply-as Ben")
    assert not set("</>") & set(lm.tokenizer.vocab)  # neither dates nor what stands for pictures
    card = (best_of(tmp_path / "run") / "README.md").read_text()
    assert "generate(lm, lm.chat.wrap('Hi'), stop=lm.chat.stop, length=500" in card
    assert "Temperature 0.5, seed 1" in card


def test_the_names_of_a_chat_are_not_published_and_a_resumed_run_reads_it_in_the_same_way(
    here: Here, tmp_path: Path
) -> None:
    (tmp_path / "chat.txt").rename(tmp_path / "Chat with Anna.txt")
    output = here("Chat with Anna.txt", "--chat", "--reply-as=Ben", *QUICK)
    assert "the model writes as Ben to Anna." in output
    assert "In the model, Ben is called B and Anna is called A: --quote-chat keeps the names." in output
    run = tmp_path / "run"
    lm = CharLSTM.from_pretrained(run)
    assert lm.chat == ChatFormat("A: ", "\n\nB: ", "\n\n")
    assert (lm.training["examples"], lm.training["corpus"]) == ([], "chat")
    for path in (path for path in best_of(run).rglob("*") if path.suffix != ".safetensors" and path.is_file()):
        assert not re.search(rb"Anna|\bBen\b|Temperature", path.read_bytes()), path.name  # names, and samples
    whole = outcome(run)
    shutil.rmtree(latest_of(run))
    (run / "text.ids").unlink()
    advice = "the run has no whole copy of its text: give it again: python -m training --resume run TEXT"
    assert advice in here("--resume=run", code=2)
    here("Chat with Anna.txt", "--resume=run")
    assert outcome(run) == whole
    assert CharLSTM.from_pretrained(run).chat == lm.chat
