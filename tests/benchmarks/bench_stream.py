"""Measures how fast ``model.stream`` and the engine write, compared with the plain way in the same run.

    python -m tests.benchmarks.bench_stream [--model FOLDER] [--length N] [--repeats N] [--json FILE]

Each way is timed several times, in turns, so that other load of the machine affects all of them; medians are
compared. The plain way gets the number of threads with which it is fastest. Prints a table and writes JSON.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from model import PRETRAINED, CharLSTM, Engine, SamplingParams, stream
from tests.benchmarks import plain_way
from tests.benchmarks.report import machine, write_json

TEMPERATURE = 0.8
START = "\n"
ROWS = (1, 8, 32, 128)  # replies written at once; one is `model.stream`
CROWD = 32  # of plain loops, one a thread, and of rows in a batched float32 step

Way = Callable[[], int]  # writes; returns the number of characters


def plainly(folder: Path, length: int) -> Way:
    model, vocab = plain_way.load(folder)
    start = START if START in vocab else vocab[0]
    return lambda: sum(1 for _ in plain_way.write(model, vocab, start, length, TEMPERATURE))


def streamed(lm: CharLSTM, length: int) -> Way:
    return lambda: len("".join(stream(lm, START, length, temperature=TEMPERATURE, seed=1)))


def together(lm: CharLSTM, rows: int, length: int) -> Way:
    engine = Engine(lm, max_slots=rows)

    def write() -> int:
        params = [SamplingParams(temperature=TEMPERATURE, length=length, seed=seed) for seed in range(rows)]
        sequences = [engine.add_request(START, each) for each in params]
        while not all(sequence.finished for sequence in sequences):
            engine.step(burst=True)  # as `Engine.run` does
        return sum(sequence.length for sequence in sequences)

    return write


def plain_threads(folder: Path, length: int) -> Way:
    """Runs one plain loop per thread, as a server that starts a thread for each visitor."""
    loaded = [plain_way.load(folder) for _ in range(CROWD)]

    def one(model: plain_way.PlainModel, vocab: list[str]) -> int:
        start = START if START in vocab else vocab[0]
        return sum(1 for _ in plain_way.write(model, vocab, start, length, TEMPERATURE))

    def write() -> int:
        with ThreadPoolExecutor(CROWD) as threads:
            return sum(threads.map(lambda each: one(*each), loaded))

    return write


def batched_float(lm: CharLSTM, length: int) -> Way:
    """Writes with one float32 step for all replies, softmax and multinomial: the gain of batching alone."""

    @torch.no_grad()
    def write() -> int:
        ids, state = torch.zeros(CROWD, dtype=torch.int64), None
        for _ in range(length):
            logits, state = lm.network.step(ids, state)
            ids = torch.multinomial(torch.softmax(logits / TEMPERATURE, dim=-1), 1)[:, 0]
        return CROWD * length

    return write


def chars_per_sec(way: Way, threads: int) -> float:
    torch.set_num_threads(threads)
    started = time.perf_counter()
    written = way()
    return written / (time.perf_counter() - started)


def best_threads(way: Way) -> int:
    counts = sorted({1, 2, os.cpu_count() or 1})
    return max(counts, key=lambda threads: max(chars_per_sec(way, threads) for _ in range(2)))


def first_character_s(lm: CharLSTM) -> float:
    started = time.perf_counter()
    next(stream(lm, START, 2, seed=1))
    return time.perf_counter() - started


def measure(folder: Path, length: int, repeats: int) -> dict[str, Any]:
    """Returns the characters per second of each way, and the machine."""
    plain = plainly(folder, length)
    lm = CharLSTM.from_pretrained(folder)
    threads = best_threads(plain)
    ways: dict[str, tuple[Way, int]] = {"plain way": (plain, threads)}
    ways[f"plain way, {CROWD} threads"] = (plain_threads(folder, max(20, length // CROWD)), 1)
    ways[f"float32 step, {CROWD} rows"] = (batched_float(lm, max(20, length // CROWD)), 1)
    for rows in ROWS:
        name = "stream" if rows == 1 else f"engine, {rows} replies"
        share = max(50, length // rows)
        ways[name] = (streamed(lm, length) if rows == 1 else together(lm, rows, share), 1)
    for way, count in ways.values():  # once unmeasured: what is made on first use
        chars_per_sec(way, count)
    runs: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, (way, count) in ways.items():
            runs[name].append(chars_per_sec(way, count))
    medians = {name: statistics.median(figures) for name, figures in runs.items()}
    return {
        "model": {"name": lm.name, "parameters": lm.config.parameters, **vars(lm.config)},
        "machine": machine(),
        "length": length,
        "repeats": repeats,
        "plain_threads": threads,
        "first_character_s": statistics.median(first_character_s(lm) for _ in range(repeats)),
        "chars_per_sec": {name: round(figure, 1) for name, figure in medians.items()},
        "ratio": {name: round(figure / medians["plain way"], 2) for name, figure in medians.items()},
        "spread": {name: round(max(figures) / min(figures), 2) for name, figures in runs.items()},
    }


def table(found: dict[str, Any]) -> str:
    model = found["model"]
    lines = [
        f"{model['name']}: {model['num_layers']} x {model['hidden_size']}, {model['parameters']:,} parameters; "
        f"{found['machine']['cpus']} CPUs ({found['machine']['instructions']}), torch {found['machine']['torch']}; "
        f"median of {found['repeats']}, {found['length']:,} characters",
        "",
        f"{'way':<24}{'characters/s':>14}{'x plain':>10}{'max/min':>10}",
    ]
    for name, figure in found["chars_per_sec"].items():
        shown = f"{name} ({found['plain_threads']} thr.)" if name == "plain way" else name
        lines.append(f"{shown:<24}{figure:>14,.0f}{found['ratio'][name]:>10.2f}{found['spread'][name]:>10.2f}")
    return "\n".join([*lines, "", f"first character of a stream after {1000 * found['first_character_s']:.1f} ms"])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Speed of writing, beside the plain way.")
    parser.add_argument("--model", type=Path, default=PRETRAINED)
    parser.add_argument("--length", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_stream.json")
    options = parser.parse_args(argv)
    found = measure(options.model, options.length, options.repeats)
    print(table(found))
    write_json(options.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
