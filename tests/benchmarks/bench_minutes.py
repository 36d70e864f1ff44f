"""Measures how well `--minutes` is kept and what other programs cost: real runs, alone and beside busy programs.

    python -m tests.benchmarks.bench_minutes --text FILE [--minutes 1 5] [--ways "alone" "beside two"] [--json FILE]

Each length is run once in each of `WAYS`. Then the newest checkpoint is removed and the run resumed from the one before
it: it must end with the same bits.
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
from tests.support.tiny_runs import checkpoints, environment, metrics, outcome

WAYS = ("alone", "beside one", "beside two", "one begins", "one ends", "killed")  # each a program that takes one core
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


def timed(way: str, text: Path, folder: Path, minutes: float, seed: int) -> dict[str, Any]:
    """Trains in one of `WAYS`; returns the seconds that the run took and how wrong its time left was."""
    others = [OtherProgram() for _ in range({"beside one": 1, "beside two": 2, "one ends": 1}.get(way, 0))]
    run, before_s = Run(text, f"--minutes={minutes:g}", f"--set=seed={seed}", f"--out={folder}"), 0.0
    try:
        if way in ("one begins", "one ends", "killed"):
            time.sleep(30 * minutes)
        if way == "killed":
            while not checkpoints(folder):  # a busy machine may need more than half of a minute for the first one
                time.sleep(0.1)
            run.kill()
            state = json.loads((checkpoints(folder)[-1] / "training_state" / "state.json").read_text())
            before_s, run = state["seconds"], Run(f"--resume={folder}")
        elif way == "one begins":
            others.append(OtherProgram())
        elif way == "one ends":
            others.pop().end()
        seconds = run.wait()
    finally:
        for other in others:
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


def measure(minutes: Sequence[float], text: Path, ways: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Returns the figures of each run."""
    found = []
    with tempfile.TemporaryDirectory() as parent:
        for length in minutes:
            for number, way in enumerate(ways):
                folder = Path(parent) / f"run-{length:g}-{number}"
                figures = {"minutes": length, "way": way, **timed(way, text, folder, length, seed)}
                lines = metrics(folder)
                figures |= {"steps": lines[-1]["step"], "loss": round(min(line["val_loss"] for line in lines), 4)}
                figures["repeats"] = is_repeated(folder)
                found.append(figures)
                print(", ".join(f"{name} {figure}" for name, figure in figures.items()), flush=True)
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How well --minutes is kept.")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 5], help="lengths (default 1 5)")
    parser.add_argument("--text", type=Path, required=True, help="the text to train on, such as tinyshakespeare.txt")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="default: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_minutes.json")
    options = parser.parse_args(argv)
    found = measure(options.minutes, options.text, options.ways, options.seed)
    write_json(options.json, {"machine": machine(), "runs": found})
    return 0 if all(abs(run["off"]) <= 0.03 and run["repeats"] for run in found) else 1


if __name__ == "__main__":
    sys.exit(main())
