"""``python -m training`` on the command line: its output, the files of a run, and its refusals."""

import json
import math
import re
import shlex
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
import torch.nn.functional as F

from model import CharLSTM
from model.__main__ import main as model
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import ROOT, SIZES, Here, best_of, checkpoints, metrics, outcome, words, write_text

QUICK = (*SIZES, "--steps=6", "--set=evaluations=2")


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_from_text_to_the_next_commands(here: Here, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = write_text(tmp_path, 1000)
    output = here("text.txt", *SIZES, "--steps=40", "--set=evaluations=5,lr=0.02")
    run, best = tmp_path / "runs/text", best_of(tmp_path / "runs/text")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [4, 10, 19, 29, 40]
    assert [line["chars"] for line in lines] == [64 * line["step"] for line in lines]
    assert lines[-1]["val_loss"] < lines[0]["val_loss"]
    assert lines[-1]["lr"] == 0
    assert all(f"step {line['step']}: held-out loss {line['val_loss']:.4f} nats" in output for line in lines)
    shown = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    assert [sample["step"] for sample in shown] == [0, 4, 10, 19, 29, 40]
    card = (best / "README.md").read_text()
    assert "characters of the training text has" in card
    assert "| held-out, a 5-gram counter instead of the LSTM |" in card
    # The recorded loss is that of the saved model on the last tenth of the text.
    lm = CharLSTM.from_pretrained(run)
    ids = torch.from_numpy(lm.tokenizer.encode(text.read_text()))
    held_out = ids[-(len(ids) // 10) :]
    with torch.inference_mode():
        logits, _ = lm.network(held_out[None, :-1])
    nats = float(F.cross_entropy(logits[0], held_out[1:]))
    assert lm.training["val_loss"] == pytest.approx(nats, abs=2e-3)  # the files hold the weights in bfloat16
    assert lm.training["validation_characters"] == len(held_out) - 1
    assert lm.training["val_loss"] == min(line["val_loss"] for line in lines)
    command = next(line.strip() for line in output.splitlines() if line.startswith("  python -m model generate"))
    assert command == "python -m model generate --model runs/text the"
    assert model([*shlex.split(command)[3:], "--length=20"]) == 0
    assert len(capsys.readouterr().out) == 20


def test_runs_with_the_same_seed_are_equal_and_a_name_that_is_taken_gets_a_number(here: Here, tmp_path: Path) -> None:
    write_text(tmp_path)
    for more in ((), (), ("--set=seed=2",)):
        here("text.txt", *QUICK, *more)
    assert left(tmp_path / "runs") == ["text", "text-2", "text-3"]
    one, same, other = (outcome(tmp_path / "runs" / name) for name in left(tmp_path / "runs"))
    assert one == same
    assert one["tensors"] != other["tensors"]
    message = "error: 'runs/text' holds a run already: continue it with --resume runs/text"
    assert message in here("text.txt", *QUICK, "--out=runs/text", code=2)


@pytest.mark.parametrize("text", ["a" * 500, words()[:100]])
def test_a_text_of_one_character_and_the_shortest_allowed_text(here: Here, tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.txt").write_text(text)
    here("odd.txt", "--steps=3", "--set=hidden_size=8")
    recipe = CharLSTM.from_pretrained(tmp_path / "runs/odd").training["recipe"]
    assert recipe["batch"] * recipe["window"] <= len(text)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("missing.txt", "there is no file or folder missing.txt"),
        ("short.txt --out=run/inner", "it has 99 characters, and training needs at least 100"),
        ("text.txt --set=hidden_size=8192,num_layers=30", "hidden_size 8192 with num_layers 30 and a vocabulary of"),
        ("text.txt --set=hidden_size=4096,batch=60000", "are free: choose smaller ones"),
        ("text.txt --device=mps", "--device is mps, but torch finds no Apple GPU"),
        ("text.txt --out=text.txt", "'text.txt' cannot be written (File exists): choose another --out"),
        ("--chat", "--chat needs a TEXT: give the chat"),
        ("text.txt --teacher=./nowhere", "there is no folder './nowhere'"),
        ("chinese.txt --teacher=parent", "lacks U+4E2D: a teacher needs every character of the text"),
        ("text.txt --from=parent --set=hidden_size=9", "hidden_size to 9, and the model of --from has 12: omit it"),
        ("--resume=nowhere", "there is no run folder 'nowhere': nothing was resumed"),
        ("--resume=.", "there is no run to resume in '.': it has no step-… folder"),
        ("--resume=hf://plays", "--resume is 'hf://plays': a run on the Hub is written hf://USER/NAME"),
        ("--resume=hf://ada/plays@v1", "'ada/plays@v1' is not the name of a repo"),
        ("text.txt --set lr=0", "--set lr is 0: it must be a number above 0, at most 10"),
        ("text.txt --set hidden_size=" + "9" * 6000, "--set hidden_size is inf: it must be"),
        ("text.txt --set bfloat16=maybe", "--set bfloat16 is 'maybe': it must be true or false"),
        ("text.txt --set hiden_size=3", "--set hiden_size=3: did you mean hidden_size=VALUE?"),
        ("text.txt --hiden-size 3", "did you mean --set hidden_size=VALUE?"),
        ("text.txt --minuts 3", "unrecognized arguments: --minuts 3: did you mean --minutes?"),
        ("text.txt --steps 0", "--steps is 0: it must be a whole number from 1 to"),
        ("text.txt --minutes long", "--minutes is 'long': it must be a number above 0, at most 100,000"),
        ("text.txt --minutes 1 --steps 1", "--minutes and --steps both set the length"),
        ("text.txt --ray local", "--ray is for --teachers: give --teachers N, too, or omit it"),
        ("text.txt --private", "--private is for a push: give --push-to USER/NAME, too"),
        ("--resume r --out o", "--resume continues a run in its own folder: omit --out"),
        ("--resume r --from x", "--from starts a new run: omit --resume"),
        ("--resume r --minutes 9", "--minutes cannot change in a run: omit it with --resume (to train longer, start"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line_and_leaves_no_files(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, message: str
) -> None:
    monkeypatch.setattr("training.cli.plan.free_memory", lambda _: 10**9)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    texts = {"text.txt": words(4000), "short.txt": "x" * 99, "chinese.txt": "中" * 100}
    for name, content in texts.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    tiny_model().save_pretrained(tmp_path / "parent")
    before = left(tmp_path)
    output = here(*([] if re.search("--(resume|minutes)", typed) else ["--steps=5"]), *typed.split(), code=2)
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert errors == output.splitlines()[-1:]
    assert message in errors[0]
    assert len(errors[0]) < 300
    assert left(tmp_path) == before


def test_a_loss_of_nan_keeps_the_last_finite_checkpoint(here: Here, tmp_path: Path) -> None:
    write_text(tmp_path)
    rates = ("--set=lr=1,matrix_lr=1,weight_decay=10,warmup=0.5",)  # they rise until it bursts
    output = here("text.txt", *SIZES, *rates, "--steps=60", "--set=evaluations=5", "--out=run", code=1)
    last = checkpoints(tmp_path / "run")[-1].name
    assert re.search(
        rf"error: the (loss|gradient|validation loss|weights) .*; the last checkpoint, {last}, is intact: "
        "train again with lower rates, such as --set matrix_lr=0.5,lr=0.5",
        output,
    )
    for folder in checkpoints(tmp_path / "run"):
        lm = CharLSTM.from_pretrained(folder)
        assert all(bool(tensor.isfinite().all()) for tensor in lm.network.state_dict().values())
    assert all(math.isfinite(line["val_loss"]) for line in metrics(tmp_path / "run"))
    assert "python -m model generate" not in output


def test_a_first_step_that_fails_leaves_no_files(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path)
    faults = [torch.tensor(math.nan, requires_grad=True), RuntimeError("[enforce fail] can't allocate memory")]
    monkeypatch.setattr("training.learner.trainer.F.cross_entropy", Mock(side_effect=faults))
    for message in (
        "the loss at step 1 is nan; no checkpoint was saved before: train again with lower rates",
        "step 1 does not fit into memory",
    ):
        assert f"error: {message}" in here("text.txt", *QUICK, "--out=run", code=1)
        assert left(tmp_path) == ["text.txt"]


def test_signal_handlers_are_set_before_slow_imports() -> None:
    code = "import sys, training.__main__; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_many_sources_are_abbreviated_and_show_no_secrets(here: Here, tmp_path: Path) -> None:
    secret = "http://ada:secret@127.0.0.1:9/a.txt?token=secret"
    output = here(secret, *(f"{name}.txt" for name in "abcde"), "--steps=1", code=2)
    assert output.splitlines()[0] == "Reading http://127.0.0.1:9/a.txt, a.txt, b.txt and 3 more …"
    assert "secret" not in output
