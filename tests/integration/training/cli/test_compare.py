"""The command `compare`: several runs in one table and picture, each best of its own text."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.support.tiny_runs import SIZES, Here, best_of, metrics, write_text
from training.__main__ import main


@pytest.fixture(autouse=True)
def quick() -> None:
    """The pictures are tested."""


@pytest.fixture
def runs(here: Here, tmp_path: Path) -> None:
    """`slow` and `quick` on one text, of which the second learns, and `other` on a text of another length."""
    write_text(tmp_path)
    write_text(tmp_path, 300, "other.txt")
    for name, rate in (("slow", "0.0001"), ("quick", "0.02"), ("other", "0.01")):
        options = (f"--set=lr={rate},matrix_lr={rate}", "--steps=30", "--set=evaluations=2", f"--out=runs/{name}")
        assert here("other.txt" if name == "other" else "text.txt", *SIZES, *options)[0] == 0


@pytest.mark.usefixtures("runs")
def test_runs_are_compared_and_drawn(here: Here, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    Path("empty").mkdir()
    shutil.copytree("runs/slow", "runs/broken")
    (best_of(tmp_path / "runs/broken") / "config.json").write_text("{")
    typed = "runs/slow runs/other runs/quick runs/quick/best runs/quick empty nowhere runs/broken --picture=all.png"
    assert main(["compare", *typed.split()]) == 1
    shown = capsys.readouterr()
    *errors, drawn = shown.err.splitlines()
    messages = [f"{name} cannot be compared: " for name in ("empty", "nowhere", "runs/broken")]
    assert len(errors) == 3
    assert all(line.startswith(f"error: {message}") for line, message in zip(errors, messages, strict=True))
    assert drawn == "Drawn: all.png"
    with Image.open("all.png") as picture:
        assert picture.size == (1200, 675)
    head, *rows = shown.out.splitlines()
    assert " ".join(head.split()) == "run preset params steps chars minutes loss reset256 bpc int8 chars/s"
    rows = rows[:4]  # without the legend
    starred = [row for row in rows if row.startswith("* ")]
    assert {row.split()[1] for row in starred} == {"quick", "other"}
    assert {row[2:].split()[0] for row in rows} == {"quick", "quick/best", "slow", "other"}
    names = [row[2:].split()[0] for row in rows if "other" not in row]
    assert names == ["quick", "quick/best", "slow"]
    assert f"{min(line['val_loss'] for line in metrics(tmp_path / 'runs/quick')):.4f}" in "".join(starred)
    assert "losses on texts of different names or lengths cannot be compared" in shown.out

    assert here("compare", "runs/quick", "--picture=curve.png") == (0, "Drawn: curve.png\n")
    # Alone it is the picture that its card shows.
    assert Path("curve.png").read_bytes() == (best_of(tmp_path / "runs/quick") / "curve.png").read_bytes()
