"""Measures how fast ``model.stream`` and the engine write, compared with the plain way in the same run.

    python -m tests.benchmarks.bench_stream

Each way is timed several times, in turns, so that other load of the machine affects all of them; medians are
compared. The plain way gets the number of threads with which it is fastest. Prints a table.
"""

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from model import PRETRAINED, CharLSTM, Engine, SamplingParams, stream
from tests.benchmarks import plain_way

TEMPERATURE = 0.8
START = "\n"
ROWS = (8, 32, 128)  # replies that the engine writes at once
LENGTH = 1000
REPEATS = 5
CROWD = 32  # of plain loops, one a thread, and of rows in a batched float32 step

Way = Callable[[], int]  # writes; returns the number of characters


def machine() -> str:
    """Returns the number of processors and their instructions."""
    return f"{os.cpu_count()} CPUs ({torch.backends.cpu.get_cpu_capability()})"


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
    loops = [plainly(folder, length) for _ in range(CROWD)]

    def write() -> int:
        with ThreadPoolExecutor(CROWD) as threads:
            return sum(threads.map(lambda loop: loop(), loops))

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


def measure() -> None:
    """Times each way in turns, and prints a table."""
    plain = plainly(PRETRAINED, LENGTH)
    lm = CharLSTM.from_pretrained(PRETRAINED)
    threads = best_threads(plain)
    name = f"plain way ({threads} thr.)"
    ways: dict[str, tuple[Way, int]] = {name: (plain, threads)}
    ways[f"plain way, {CROWD} threads"] = (plain_threads(PRETRAINED, max(20, LENGTH // CROWD)), 1)
    ways[f"float32 step, {CROWD} rows"] = (batched_float(lm, max(20, LENGTH // CROWD)), 1)
    ways["stream"] = (streamed(lm, LENGTH), 1)
    for rows in ROWS:
        ways[f"engine, {rows} replies"] = (together(lm, rows, max(50, LENGTH // rows)), 1)
    for way, count in ways.values():  # once unmeasured: what is made on first use
        chars_per_sec(way, count)
    runs: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, (way, count) in ways.items():
            runs[name].append(chars_per_sec(way, count))
    medians = {name: statistics.median(figures) for name, figures in runs.items()}
    print(
        f"{lm.name}: {lm.config.num_layers} x {lm.config.hidden_size}, {lm.config.parameters:,} parameters; "
        f"{machine()}, torch {torch.__version__}; median of {REPEATS}, {LENGTH:,} characters\n"
    )
    print(f"{'way':<24}{'characters/s':>14}{'x plain':>10}{'max/min':>10}")
    for name, figures in runs.items():
        ratio, spread = medians[name] / next(iter(medians.values())), max(figures) / min(figures)
        print(f"{name:<24}{medians[name]:>14,.0f}{ratio:>10.2f}{spread:>10.2f}")
    first_s = statistics.median(first_character_s(lm) for _ in range(REPEATS))
    print(f"\nfirst character of a stream after {1000 * first_s:.1f} ms")


if __name__ == "__main__":
    measure()
