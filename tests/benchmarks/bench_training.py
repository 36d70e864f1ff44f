"""Measures the speed of training, compared with a plain training loop, and where the time of a whole run goes.

    python -m tests.benchmarks.bench_training

Both train on the documentation inside Python with the same sizes, batch and BPTT length; the plain loop with the number
of threads with which it is fastest. They take turns of a second, so that other load of the machine affects both;
medians are compared. Then a whole run is timed: its steps, its evaluations (losses and samples), and the rest (data,
logs, checkpoints), which is overhead.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.connection import Connection
from pydoc_data.topics import topics
from typing import Any
from unittest import mock

import numpy as np
import torch

from model import CharTokenizer
from model.backends.device import has_fast_bfloat16
from tests.benchmarks import plain_training, plain_way
from training.cli import main as cli
from training.learner import evaluation as evaluate
from training.learner.dataset import Windows
from training.learner.recipe import PRESETS, Recipe
from training.learner.trainer import Trainer
from training.os_calls import keep_freed_memory
from training.run.training_run import TrainingRun
from training.signals import Signals

COMPARED = ("tiny", "small", "medium")
REPEATS = 9
MINUTES = 2.0
TURN_S = 1.0  # seconds of steps before the next loop's turn
PLAIN = "plain loop"

# What a run spends its time on, and in which functions. Each second counts for the innermost function.
PARTS: tuple[tuple[str, Any, str], ...] = (
    ("steps", Trainer, "step"),
    ("data", Windows, "at"),
    ("evaluations", evaluate, "carried_losses"),
    ("evaluations", evaluate, "cold_losses"),
    ("evaluations", evaluate, "int8_cost"),
    ("evaluations", evaluate, "interval"),
    ("evaluations", TrainingRun, "_generate_sample"),
    ("checkpoints", TrainingRun, "_save"),
    ("checkpoints", TrainingRun, "_wait_for_writer"),
    ("rest", TrainingRun, "run"),
)


def compare(preset: str, recipe: Recipe) -> None:
    """Prints the characters per second of each loop at a recipe's sizes, each in its own process."""
    names = [PLAIN, "trainer, float32"] + (["trainer, bfloat16"] if has_fast_bfloat16(torch.device("cpu")) else [])
    taken: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        ways = {name: stack.enter_context(Way(name, recipe)) for name in names}
        default = torch.get_num_threads()
        threads = min({1, default}, key=lambda count: min(ways[PLAIN].seconds(count) for _ in range(3)))
        for turn in range(1 + REPEATS):
            for name, way in ways.items():
                seconds = way.seconds(threads if name == PLAIN else default)
                if turn:  # the first turn allocates memory and compiles kernels
                    taken[name].append(seconds)
    medians = {name: statistics.median(figures) for name, figures in taken.items()}
    sizes = f"{recipe.num_layers} x {recipe.hidden_size}, {recipe.batch} x {recipe.window} characters a step"
    print(f"\n{preset}: {sizes}; plain loop with {threads} threads")
    for name, s in medians.items():
        print(f"{name:<24}{recipe.batch * recipe.window / s:>12,.0f} characters/s{medians[PLAIN] / s:>8.2f} x plain")


class Way:
    """A process that takes training steps on request."""

    def __init__(self, name: str, recipe: Recipe) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._pipe, there = spawning.Pipe()
        self._process = spawning.Process(target=_steps, args=(there, name, recipe), daemon=True)
        self._process.start()
        there.close()

    def seconds(self, threads: int) -> float:
        """Returns the mean seconds of a step with a number of threads, over one turn."""
        self._pipe.send(threads)
        return float(self._pipe.recv())

    def __enter__(self) -> Way:
        return self

    def __exit__(self, *error: object) -> None:
        self._pipe.close()
        self._process.join()


def _steps(pipe: Connection, name: str, recipe: Recipe) -> None:
    text = "\n".join(topics[topic] for topic in sorted(topics))
    tokenizer = CharTokenizer.from_text(text)
    ids = tokenizer.encode(text).astype(np.int32)
    step: Callable[[], object]
    if name == PLAIN:
        model = plain_way.PlainModel(len(tokenizer), recipe.embedding_size, recipe.hidden_size, recipe.num_layers)
        losses = plain_training.train(model, torch.from_numpy(ids.astype(np.int64)), recipe.batch, recipe.window)
        step = functools.partial(next, losses)
    else:
        keep_freed_memory()
        step = Trainer(replace(recipe, steps=10**6, bfloat16="bfloat16" in name), len(tokenizer), ids).step
    with contextlib.suppress(EOFError):
        while True:
            torch.set_num_threads(pipe.recv())
            step()  # the first step after a pause finds the caches cold
            pipe.send(_mean_seconds(step))


def _mean_seconds(step: Callable[[], object]) -> float:
    began = now = time.perf_counter()
    steps = 0
    while now < began + TURN_S:
        step()
        steps, now = steps + 1, time.perf_counter()
    return (now - began) / steps


def shares(arguments: Sequence[str]) -> dict[str, float]:
    """Returns the seconds of a run in each of ``PARTS``; "outside" is the share of the rest, without evaluations."""
    spent: dict[str, float] = defaultdict(float)
    stack: list[str] = []
    since = time.perf_counter()

    def turn() -> None:
        """Adds the time since the last call to the part that is running."""
        nonlocal since
        now = time.perf_counter()
        if stack:
            spent[stack[-1]] += now - since
        since = now

    def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def counted(*given: Any, **options: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():  # it delays no step
                return call(*given, **options)
            turn()
            stack.append(name)
            try:
                return call(*given, **options)
            finally:
                turn()
                stack.pop()

        return counted

    with ExitStack() as patches, tempfile.TemporaryDirectory() as folder:
        for name, owner, attribute in PARTS:
            patches.enter_context(mock.patch.object(owner, attribute, timed(name, getattr(owner, attribute))))
        code = cli.main([*arguments, f"--out={folder}/run"], Signals())
    if code:
        raise RuntimeError(f"the run ended with code {code}")
    found = {f"{name}_s": round(spent[name], 3) for name in dict.fromkeys(part[0] for part in PARTS)}
    outside = spent["data"] + spent["checkpoints"] + spent["rest"]
    return {**found, "outside": round(outside / (outside + spent["steps"]), 4)}


if __name__ == "__main__":
    for preset in COMPARED:
        compare(preset, PRESETS[preset])
    found = shares([f"--minutes={MINUTES}"])
    print(f"\na run of {MINUTES:g} minutes, in seconds: {found}")
    print(f"outside of forward, backward and optimizer, without evaluations: {found['outside']:.2%}")
