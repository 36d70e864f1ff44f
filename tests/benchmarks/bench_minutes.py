"""Measures how well `--minutes` is kept and what other programs cost: real runs, alone and beside busy programs.

    python -m tests.benchmarks.bench_minutes --text FILE [--minutes 1 5] [--ways "alone" "beside two"]

Each length is run once in each of `WAYS`.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support.tiny_runs import checkpoints, environment, metrics

WAYS = ("alone", "beside one", "beside two", "one begins", "one ends", "killed")  # each a program that takes one core
_LEFT = re.compile(r"([\d.]+) (s|minutes|hours) left")
_UNITS = {"s": 1, "minutes": 60, "hours": 3600}


def trained(
    *arguments: str | Path, act: Callable[[subprocess.Popen[str]], object] = lambda _: None
) -> tuple[float, list[tuple[float, float]]]:
    """Runs a training to its end, while a thread calls `act` with its process.

    Returns:
        its seconds, and the times left that it printed, each after the seconds since its start.

    Raises:
        RuntimeError: it failed.
    """
    began, left = time.monotonic(), []
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        threading.Thread(target=act, args=(process,), daemon=True).start()
        for line in process.stderr or ():
            if found := _LEFT.search(line):
                left.append((time.monotonic() - began, float(found[1]) * _UNITS[found[2]]))
    if process.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a run ended with code {process.returncode}")
    return time.monotonic() - began, left


def timed(way: str, text: Path, folder: Path, minutes: float, seed: int) -> dict[str, Any]:
    """Trains in one of `WAYS`; returns the seconds that the run took and how wrong its time left was."""

    def begin_other() -> None:
        others.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))

    def interrupt(process: subprocess.Popen[str]) -> None:
        time.sleep(30 * minutes)
        if way == "one begins":
            begin_other()
        elif way == "one ends":
            others[0].kill()
        elif way == "killed":
            while not checkpoints(folder):  # a busy machine may need more than half of a minute for the first one
                time.sleep(0.1)
            process.kill()

    others: list[subprocess.Popen[bytes]] = []
    for _ in range({"beside one": 1, "beside two": 2, "one ends": 1}.get(way, 0)):
        begin_other()
    before_s = 0.0
    try:
        new = (text, f"--minutes={minutes:g}", f"--set=seed={seed}", f"--out={folder}")
        seconds, times = trained(*new, act=interrupt)
        if way == "killed":
            state = json.loads((checkpoints(folder)[-1] / "training_state" / "state.json").read_text())
            before_s = state["seconds"]
            seconds, times = trained(f"--resume={folder}")
    finally:
        for other in others:
            other.kill()
            other.wait()
    off = [abs(left / (seconds - at) - 1) for at, left in times if at + before_s > 60 and seconds - at > 60]
    total = before_s + seconds
    return {
        "seconds": round(total, 1),
        "off": round(total / (60 * minutes) - 1, 4),
        "time_left_off": round(max(off), 3) if off else None,
    }


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
                found.append(figures)
                print(", ".join(f"{name} {figure}" for name, figure in figures.items()), flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How well --minutes is kept.")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 5], help="lengths (default 1 5)")
    parser.add_argument("--text", type=Path, required=True, help="the text to train on, such as tinyshakespeare.txt")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="default: all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = measure(options.minutes, options.text, options.ways, options.seed)
    sys.exit(0 if all(abs(run["off"]) <= 0.03 for run in found) else 1)
