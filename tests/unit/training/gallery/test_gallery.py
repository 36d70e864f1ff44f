"""The command of the gallery: from a package or a file to a bundled model."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from model import CharLSTM, score, score_adapting
from training.gallery import __main__ as gallery
from training.gallery.table import GALLERY
from training.run.kept_text import read_kept_text

pytestmark = pytest.mark.slow


SIZES = "--set hidden_size=16,embedding_size=8 --set evaluations=2"
PLAY = "ROMEO:\nTo be, or not to be?\n\nFirst Citizen:\nOnce upon a time, it was so.\n\n" * 150


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Works in the folder of the test; pip takes packages from `wheels` there, instead of the index."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gallery, "BUNDLED_FOLDER", tmp_path / "made")
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))


def write_wheel(folder: Path) -> None:
    """Writes a wheel that pip accepts, with the conversations that the entry `chat` reads."""
    words = " ".join(GALLERY["chat"].examples).split()
    talks = {
        str(at): {"messages": [[{"sender": "x", "text": f"{a} {b}?"}], [{"sender": "y", "text": f"{b} {a}."}]]}
        for at, (a, b) in enumerate((a, b) for a in words for b in words)
    }
    info = "chitchat_dataset-1.0.dist-info"
    with zipfile.ZipFile(folder / "chitchat_dataset-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("chitchat_dataset/dataset.json", json.dumps(talks))
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: chitchat-dataset\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_a_model_is_made_from_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    write_wheel(Path("wheels"))
    entry = GALLERY["chat"]
    monkeypatch.setitem(GALLERY, "chat", replace(entry, options=f"{SIZES} --chat --quote-chat --steps 12"))
    assert gallery.main(["chat"]) == 0
    lm = CharLSTM.from_pretrained("made/chat")
    assert lm.chat
    assert lm.chat.prefix == "user: "
    assert (lm.training["license"], lm.training["corpus"]) == ("mit", entry.corpus)
    assert lm.training["command"] == "python -m training.gallery chat"
    assert lm.training["examples"] == list(entry.examples)
    assert len(lm.training["welcome"]["text"]) == 240
    assert lm.samples[0]["step"] == 0
    card = Path("made/chat/README.md").read_text()
    assert card.index("## Text") < card.index("`chitchat-dataset`") < card.index("## Use it")
    assert f"they cost {score(lm, lm.training['passage']).nats:.4f} nats" in card
    corpus = read_kept_text(Path("runs/gallery-chat"))
    assert corpus
    held_out = corpus.text[-(corpus.characters // 10) :]
    assert lm.training["passage"] == held_out[:1_000]
    adapted = score_adapting(CharLSTM.from_pretrained("runs/gallery-chat"), held_out).nats
    assert f"by a copy of the model that learns meanwhile (`adapted`) | {adapted:.4f} |" in card
    shutil.rmtree("made")
    assert gallery.main(["chat", "--run", "runs/gallery-chat"]) == 0
    assert Path("made/chat/README.md").read_text() == card


def test_a_model_is_made_by_several_runs_from_a_text_that_no_package_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("play.txt").write_text(PLAY)
    entry = replace(
        GALLERY["shakespeare"],
        sha256=hashlib.sha256(PLAY.encode()).hexdigest(),
        options="--from {second} --teacher {first} --steps 4",
        earlier={"first": f"{SIZES} --steps 6", "second": f"{SIZES} --teacher {{first}} --steps 6"},
        samples="second",
    )
    monkeypatch.setitem(GALLERY, "shakespeare", entry)
    words = ["shakespeare", "--text", "play.txt"]
    assert gallery.main(words) == 0
    assert "Run 3 of 3, in runs/gallery-shakespeare:" in capsys.readouterr().err
    lm = CharLSTM.from_pretrained("made/shakespeare")
    samples = Path("runs/gallery-shakespeare-second/samples.jsonl").read_bytes()
    assert Path("made/shakespeare/samples.jsonl").read_bytes() == samples
    assert len(lm.training["taught_by"]["models"]) == 1
    names = ["README.md", "config.json", "curve.png", "manifest.json", "metrics.jsonl", "model.safetensors"]
    assert {path.name for path in Path("made/shakespeare").iterdir()} - {"cells.json"} == {*names, "samples.jsonl"}
    assert "Tiny Shakespeare, the file of Karpathy's char-rnn" in Path("made/shakespeare/README.md").read_text()
    shutil.rmtree("runs/gallery-shakespeare")
    assert gallery.main(words) == 0  # only the last run is trained again
    assert capsys.readouterr().err.count("This run is complete: 6 steps") == 2
    assert CharLSTM.from_pretrained("made/shakespeare").training["val_loss"] == lm.training["val_loss"]
    shutil.rmtree("runs/gallery-shakespeare-second")
    assert gallery.main(["shakespeare", "--run", "runs/gallery-shakespeare"]) == 0
    assert Path("made/shakespeare/samples.jsonl").read_bytes() == samples  # those of the folder are kept


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("shakespeare", "no package holds the text of shakespeare: name its file with --text FILE"),
        ("shakespeare --text other.txt", "other.txt holds another text than Shakespeare: its SHA-256"),
        ("shakespeare --text nowhere.txt", "nowhere.txt"),
        ("bible --text other.txt", "the text of bible is in the package debian:bible-kjv-text: omit --text"),
        ("chat", "pypi:chitchat-dataset cannot be fetched with"),
        ("bibel", "did you mean bible?"),
    ],
)
def test_a_text_that_is_missing_or_another_is_refused(
    typed: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("other.txt").write_text(PLAY)
    assert gallery.main(typed.split()) == 2
    assert reason in capsys.readouterr().err
    assert not Path("runs").exists()
