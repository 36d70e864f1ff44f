"""Measures how long rebuilding the state of a long conversation takes, and how much it slows other replies down.

    python -m tests.benchmarks.bench_rebuild [--model FOLDER] [--characters N] [--repeats N] [--json FILE]

A server that does not know a conversation reads its text again before it writes on. The text is read alone, beside
eight replies at full speed, and beside eight replies at the speed of the page; each without clamped cells and with
them. The ratio is the speed of the eight replies while the text is read, divided by their speed without it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

import torch

from model import PRETRAINED, CharLSTM, Clamp, Engine, SamplingParams, Sequence, generate
from model.clamps import Stretches
from tests.benchmarks.report import machine, write_json
from ui.settings import SPEED

REPLIES = 8
LONG = 1_000_000  # characters: longer than a measurement
SECONDS = 2.0  # of writing, before and after the text is read
CLAMPED: Stretches = [(0, (Clamp(0, 0, 4.0),))]


def rebuild(engine: Engine, text: str, clamps: Stretches) -> float:
    """Return the seconds until the first character after a text."""
    started = time.perf_counter()
    sequence = engine.add_request(text, SamplingParams(length=1, seed=1), prompt_clamps=clamps)
    assert sequence.wait(600)
    return time.perf_counter() - started


def write(engine: Engine, speed: float | None) -> list[Sequence]:
    """Start the other replies; return them once they are being written."""
    params = [SamplingParams(length=LONG, seed=seed) for seed in range(REPLIES)]
    sequences = [engine.add_request("", each, chars_per_second=speed) for each in params]
    while not all(sequence.length for sequence in sequences):
        time.sleep(0.01)
    return sequences


def written_per_s(engine: Engine, seconds: float) -> float:
    """Return the characters per second of all replies together over ``SECONDS``."""
    before, started = engine.written, time.perf_counter()
    time.sleep(seconds)
    return (engine.written - before) / (time.perf_counter() - started)


def with_other_replies(engine: Engine, text: str, clamps: Stretches, speed: float | None) -> dict[str, float]:
    """Return the seconds of a rebuild beside other replies, and how fast these are meanwhile."""
    sequences = write(engine, speed)
    without = [written_per_s(engine, SECONDS)]
    before = engine.written
    seconds = rebuild(engine, text, clamps)
    during = (engine.written - before) / seconds
    without.append(written_per_s(engine, SECONDS))
    for sequence in sequences:
        engine.abort(sequence)
    for sequence in sequences:
        sequence.wait(60)
    return {"seconds": seconds, "ratio": during / statistics.mean(without)}


def measure(lm: CharLSTM, characters: int, repeats: int) -> dict[str, Any]:
    """Return the medians of all measurements."""
    torch.set_num_threads(1)
    text = generate(lm, "", characters, seed=1)
    engine = Engine(lm)
    thread = threading.Thread(target=engine.run, daemon=True)
    thread.start()
    found: dict[str, Any] = {"model": lm.name, "characters": len(text), "machine": machine(), "repeats": repeats}
    rebuild(engine, text[:100], CLAMPED)  # what is made on first use
    for name, clamps in (("free", ()), ("clamped", CLAMPED)):
        alone = [rebuild(engine, text, clamps) for _ in range(repeats)]
        found[name] = {"alone": {"seconds": round(statistics.median(alone), 2)}}
        for others, speed in (("full speed", None), ("page speed", float(SPEED.default))):
            runs = [with_other_replies(engine, text, clamps, speed) for _ in range(repeats)]
            found[name][others] = {
                each: round(statistics.median(run[each] for run in runs), 2) for each in ("seconds", "ratio")
            }
    engine.stop()
    thread.join()
    return found


def table(found: dict[str, Any]) -> str:
    """Return the figures as a table."""
    lines = [f"{found['model']}: {found['characters']:,} characters, median of {found['repeats']}", ""]
    lines.append(f"{'text':<10}{'other replies':<20}{'seconds':>10}{'their speed':>14}")
    for name in ("free", "clamped"):
        for others, figures in found[name].items():
            shown = "none" if others == "alone" else f"{REPLIES} at {others}"
            ratio = f"x {figures['ratio']:.2f}" if "ratio" in figures else ""
            lines.append(f"{name:<10}{shown:<20}{figures['seconds']:>10.2f}{ratio:>14}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How long a conversation takes to be read again.")
    parser.add_argument("--model", type=Path, default=PRETRAINED)
    parser.add_argument("--characters", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_rebuild.json")
    options = parser.parse_args(argv)
    found = measure(CharLSTM.from_pretrained(options.model), options.characters, options.repeats)
    print(table(found))
    write_json(options.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
