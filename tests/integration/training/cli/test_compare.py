"""The command `compare`: several runs in one table and picture, each best of its own text."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.support.tiny_runs import SIZES, Here, best_of, metrics, write_text
from training.__main__ import main


@pytest.fixture(autouse=True)
def quick() -> None:
    """The pictures are tested."""


def test_runs_are_compared_and_drawn_whatever_their_names(
    here: Here, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two runs on one text the second learns; the third reads a text of another length."""
    write_text(tmp_path)
    write_text(tmp_path, 300, "other.txt")
    for name, text, rate in (("_slow", "text", "1e-4"), ("quick", "text", "0.02"), ("$x^$", "other", "0.01")):
        options = (f"--set=lr={rate},matrix_lr={rate}", "--steps=30", "--set=evaluations=2", f"--out=runs/{name}")
        here(f"{text}.txt", *SIZES, *options)
    shutil.copytree("runs/_slow", "runs/中文")
    shutil.copytree("runs/_slow", "runs/broken")
    (best_of(tmp_path / "runs/broken") / "config.json").write_text("{")
    typed = "runs/_slow runs/$x^$ runs/quick runs/quick/best runs/quick runs/中文 nowhere runs/broken --picture=all.png"
    assert main(["compare", *typed.split()]) == 1
    shown = capsys.readouterr()
    *errors, drawn = shown.err.splitlines()
    assert [line.partition(" cannot be compared: ")[0] for line in errors] == ["error: nowhere", "error: runs/broken"]
    assert drawn == "Drawn: all.png"
    with Image.open("all.png") as picture:
        assert picture.size == (1200, 675)
    rows = shown.out.splitlines()[1:6]  # without the legend
    names = [row[2:].split()[0] for row in rows if "$x^$" not in row]
    assert names[:2] == ["quick", "quick/best"]
    assert {*names[2:]} == {"_slow", "中文"}
    starred = [row for row in rows if row.startswith("* ")]
    assert {row.split()[1] for row in starred} == {"quick", "$x^$"}
    assert f"{min(line['val_loss'] for line in metrics(tmp_path / 'runs/quick')):.4f}" in "".join(starred)

    assert here("compare", "runs/quick", "--picture=curve.png") == "Drawn: curve.png\n"
    # Alone it is the picture that its card shows.
    assert Path("curve.png").read_bytes() == (best_of(tmp_path / "runs/quick") / "curve.png").read_bytes()
