"""The commands ``curve`` and ``compare``: several runs in one picture and table."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from model.checkpoint.record import TrainingRecord, read_record
from tests.support.tiny_runs import SIZES, Here, best_of, metrics, write_text
from training.__main__ import main
from training.cli.commands.compare import Run, read_run, table


@pytest.fixture
def two_runs(here: Here, tmp_path: Path) -> None:
    """``slow`` and ``quick``, of which the second learns."""
    write_text(tmp_path)
    for name, rate in (("slow", "0.0001"), ("quick", "0.02")):
        rates = (f"--set=lr={rate},matrix_lr={rate}",)
        assert here("text.txt", *SIZES, *rates, "--steps=30", "--set=evaluations=4", f"--out=runs/{name}")[0] == 0


def test_runs_are_compared_and_drawn_with_distinct_names(
    two_runs: None, here: Here, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    (tmp_path / "empty").mkdir()
    shutil.copytree(tmp_path / "runs/slow", tmp_path / "runs/broken")
    (best_of(tmp_path / "runs/broken") / "config.json").write_text("{")
    code = main(
        ["compare", "runs/slow", "runs/quick", "runs/quick/best", "runs/quick", "empty", "nowhere", "runs/broken"]
    )
    shown = capsys.readouterr()
    assert code == 1
    messages = (
        "'empty' is no run: it has neither",
        "there is no run folder 'nowhere'",
        "'runs/broken' is damaged: config",
    )
    assert [
        line.startswith(f"error: {message}") for line, message in zip(shown.err.splitlines(), messages, strict=True)
    ] == [True] * 3
    head, *rows = shown.out.splitlines()
    names = "run preset params steps chars minutes loss reset256 bpc int8 chars/s"
    assert " ".join(head.split()) == names
    assert [row.split()[:2] for row in rows[:1]] == [["*", "quick"]]
    assert {row.split()[0] for row in rows[1:]} == {"quick/best", "slow"}
    lowest = min(line["val_loss"] for line in metrics(tmp_path / "runs/quick"))
    assert f"{lowest:.4f}" in rows[0]
    assert all(len(line) <= 100 for line in shown.out.splitlines())

    code, output = here("curve", "runs/slow", "runs/quick", "nowhere", "--x=seconds", "--out=both.png")
    assert (code, output.splitlines()) == (1, ["error: there is no run folder 'nowhere'", "Drawn: both.png"])
    with Image.open(tmp_path / "both.png") as picture:
        assert picture.size == (1200, 675)
    assert here("curve", "runs/quick") == (0, "Drawn: curve.png\n")
    # Alone it is the picture that its card shows.
    assert (tmp_path / "curve.png").read_bytes() == (best_of(tmp_path / "runs/quick") / "curve.png").read_bytes()


def test_runs_without_a_curve_are_an_error(here: Here, tmp_path: Path) -> None:
    write_text(tmp_path)
    assert here("text.txt", *SIZES, "--steps=2", "--set=evaluations=1", "--out=run")[0] == 0
    code, output = here("curve", "run")
    assert (code, output) == (2, "error: 'run' has fewer than two evaluations: there is no curve to draw\n")
    assert not (tmp_path / "curve.png").exists()
    assert here("compare", "nowhere") == (2, "error: there is no run folder 'nowhere'\n")
    assert here("curve")[1].startswith("error: the following arguments are required: RUN")
    assert here("curve", "run", "--x=steps")[0] == 2


def test_a_table_fits_whatever_the_numbers_and_names() -> None:
    line = {"step": 10**8, "chars": 12_345_678_901, "seconds": 5_000_000, "val_loss": 1.25, "val_bpc": 1.8}
    noted: TrainingRecord = {"int8_cost": -0.00012, "preset": "medium"}
    huge = Run("x" * 200, [{**line, "chars_per_sec": 1_234_567}], 999_999_999, noted)
    odd = Run("中文 and \\n", [{"step": 1, "val_loss": None}], 12, read_record({"int8_cost": "x", "preset": None}))
    worse = Run("worse", [{**line, "val_loss": 2.5}], 1500, {"int8_cost": -1e-6})
    shown = table([odd, worse, huge]).splitlines()
    assert [row[:7].strip() for row in shown] == ["run", "* …xxxx", "worse", "中文 an"]
    assert max(map(len, shown)) <= 100
    numbers = "1.00G 100,000,000 12.3G 83,333.3 1.2500 - 1.800 -0.0001 1.23M"
    assert shown[1].split()[2:] == ["medium", *numbers.split()]
    assert shown[2].split()[-2] == "+0.0000"
    assert shown[3].split()[3:] == ["-", "12", *"--------"]


def test_a_checkpoint_folder_is_a_run_too(two_runs: None, tmp_path: Path) -> None:
    run, checkpoint = read_run("runs/quick"), read_run("runs/quick/best")
    assert (run.name, checkpoint.name) == ("quick", "quick/best")
    assert checkpoint.parameters == run.parameters > 0
    assert len(checkpoint.metrics) <= len(run.metrics) == 4
    (tmp_path / "runs/quick/metrics.jsonl").unlink()
    assert json.dumps(read_run("runs/quick").metrics) == json.dumps(checkpoint.metrics)
