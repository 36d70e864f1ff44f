"""Measures how well `--minutes` is kept: real runs, idle, beside a program that takes a core, and after kill -9.

    python -m tests.benchmarks.bench_minutes [--minutes 1 5 20] [--text FILE] [--fixed] [--json FILE]

Each length is run four times: alone; beside a program that begins in the middle; beside one that ends in the middle;
and killed in the middle and resumed. Then the newest checkpoint is removed and the run resumed once more: it must end
with the same bits. `--fixed` also trains with a fixed number of steps, as many as the run took, to compare the losses.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.report import machine, write_json
from tests.support.tiny_runs import checkpoints, environment, latest_of, metrics, outcome
from training.cli.parser import RECIPE_OPTIONS

WAYS = ("alone", "a program begins", "a program ends", "killed")
_LEFT = re.compile(r"([\d.]+) (s|minutes|hours) left")
_UNITS = {"s": 1, "minutes": 60, "hours": 3600}


class Run:
    """A training process; `left` has the seconds since its start and the time left that it printed then."""

    def __init__(self, *arguments: str | Path) -> None:
        self._began = time.monotonic()
        self.left: list[tuple[float, float]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "training", *map(str, arguments)],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            if found := _LEFT.search(line):
                self.left.append((time.monotonic() - self._began, float(found[1]) * _UNITS[found[2]]))

    def wait(self) -> float:
        """Returns the seconds that the process took, once it has ended.

        Raises:
            RuntimeError: it failed.
        """
        code = self._process.wait()
        seconds = time.monotonic() - self._began
        self._reader.join()
        if code:
            raise RuntimeError(f"a run ended with code {code}")
        return seconds

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


class OtherProgram:
    """A program that takes one core from its start to its end."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", "while True: pass"])

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def timed(way: str, text: Path, folder: Path, minutes: float) -> dict[str, Any]:
    """Trains in one of `WAYS`; returns the seconds that the run took and how wrong its time left was."""
    half_s = 30 * minutes
    other = OtherProgram() if way == "a program ends" else None
    run, before_s = Run(text, f"--minutes={minutes:g}", f"--out={folder}"), 0.0
    time.sleep(half_s)
    if way == "killed":
        while not checkpoints(folder):  # a busy machine may need more than half of a minute for the first one
            time.sleep(0.1)
        run.kill()
        state = json.loads((checkpoints(folder)[-1] / "training_state" / "state.json").read_text())
        before_s, run = state["seconds"], Run(f"--resume={folder}")
    elif way == "a program begins":
        other = OtherProgram()
    elif other:
        other.end()
    try:
        seconds = run.wait()
    finally:
        if other:
            other.end()
    off = [abs(left / (seconds - at) - 1) for at, left in run.left if at + before_s > 60 and seconds - at > 60]
    total = before_s + seconds
    return {
        "seconds": round(total, 1),
        "off": round(total / (60 * minutes) - 1, 4),
        "time_left_off": round(max(off), 3) if off else None,
    }


def is_repeated(folder: Path) -> bool:
    """Returns whether a run ends with the same bits when it is resumed from the checkpoint before its last."""
    whole = outcome(folder)
    again = folder.with_name(f"{folder.name}-again")
    shutil.copytree(folder, again)
    shutil.rmtree(checkpoints(again)[-1])
    Run(f"--resume={again}").wait()
    return outcome(again) == whole


def with_fixed_steps(text: Path, folder: Path, steps: int) -> float:
    """Returns the last loss of a run with the recipe of another one, and with a fixed number of steps."""
    recipe = json.loads((latest_of(folder) / "config.json").read_text())["training"]["recipe"]
    named = [f"--{name.replace('_', '-')}={recipe[name]}" for name in RECIPE_OPTIONS if name != "bfloat16"]
    named.append("--bfloat16" if recipe["bfloat16"] else "--no-bfloat16")
    fixed = folder.with_name(f"{folder.name}-fixed")
    Run(text, f"--steps={steps}", "--no-fit", *named, f"--out={fixed}").wait()
    return float(metrics(fixed)[-1]["val_loss"])


def measure(minutes: Sequence[float], text: Path, *, fixed: bool, ways: Sequence[str] = WAYS) -> list[dict[str, Any]]:
    """Returns the figures of each run."""
    found = []
    with tempfile.TemporaryDirectory() as parent:
        for length in minutes:
            for number, way in enumerate(ways):
                folder = Path(parent) / f"run-{length:g}-{number}"
                figures = {"minutes": length, "way": way, **timed(way, text, folder, length)}
                last = metrics(folder)[-1]
                figures |= {"steps": last["step"], "loss": round(last["val_loss"], 4), "repeats": is_repeated(folder)}
                if fixed:
                    figures["loss_with_fixed_steps"] = round(with_fixed_steps(text, folder, last["step"]), 4)
                found.append(figures)
                print(", ".join(f"{name} {figure}" for name, figure in figures.items()), flush=True)
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How well --minutes is kept.")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 5, 20], help="lengths (default 1 5 20)")
    parser.add_argument("--text", type=Path, required=True, help="the text to train on, such as tinyshakespeare.txt")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="default: all four")
    parser.add_argument("--fixed", action="store_true", help="also train as many steps without the clock")
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_minutes.json")
    options = parser.parse_args(argv)
    found = measure(options.minutes, options.text, fixed=options.fixed, ways=options.ways)
    write_json(options.json, {"machine": machine(), "runs": found})
    return 0 if all(abs(run["off"]) <= 0.03 and run["repeats"] for run in found) else 1


if __name__ == "__main__":
    sys.exit(main())
