"""How fast the trainer steps, beside the plain way in the same run, and what a whole run spends its time on.

    python -m tests.benchmarks.bench_training [--repeats N] [--minutes M] [--json FILE]

Both train on the documentation inside Python, with the same sizes, batch and window; the plain way in the number of
threads that suits it best. They step in turn, so that a busy moment hits both; medians are compared. Then a run of
some minutes is timed as anyone would start it: in the trainer's steps, in looking (losses and samples), and in all
else (data, logs, checkpoints), which is overhead.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any
from unittest import mock

import numpy as np
import torch

from model import CharTokenizer
from tests.benchmarks import plain_training
from tests.benchmarks.report import machine, write_json
from training import cli, evaluate
from training.dataset import Windows
from training.keeper import Keeper
from training.measure import has_fast_bfloat16
from training.recipe import PRESETS, Recipe
from training.session import Session
from training.signals import Signals
from training.trainer import Trainer

COMPARED = ("small", "medium")
Step = Callable[[], object]

# What a run spends its time on, and in which functions. Each second counts for the innermost of them.
PARTS: tuple[tuple[str, Any, str], ...] = (
    ("steps", Trainer, "step"),
    ("data", Windows, "at"),
    ("looking", evaluate, "carried"),
    ("looking", evaluate, "cold"),
    ("looking", evaluate, "int8_cost"),
    ("looking", Session, "_say_sample"),
    ("checkpoints", Keeper, "keep"),
    ("rest", Session, "run"),
)


def speeds(recipe: Recipe, repeats: int) -> dict[str, Any]:
    """Characters a second of a preset's sizes, each way."""
    text = "\n".join(topics[name] for name in sorted(topics))
    tokenizer = CharTokenizer.from_text(text)
    ids = tokenizer.encode(text).astype(np.int32)
    default = torch.get_num_threads()

    def plainly() -> Step:
        model = plain_training.PlainModel(len(tokenizer), recipe.embedding_size, recipe.hidden_size, recipe.num_layers)
        losses = plain_training.train(model, torch.from_numpy(ids.astype(np.int64)), recipe.batch, recipe.window)
        return lambda: next(losses)

    threads = min({1, default}, key=lambda count: min(_seconds(plainly(), count) for _ in range(2)))
    ways = {"plain way": (plainly(), threads)}
    for name in ("float32", "bfloat16"):
        if name == "float32" or has_fast_bfloat16(torch.device("cpu")):
            made = replace(recipe, steps=10**6, bfloat16=name == "bfloat16")
            ways[f"trainer, {name}"] = (Trainer(made, len(tokenizer), ids).step, default)
    for step, count in ways.values():  # once unmeasured: what is made on first use
        _seconds(step, count)
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(repeats):
        for name, (step, count) in ways.items():
            taken[name].append(_seconds(step, count))
    torch.set_num_threads(default)
    medians = {name: statistics.median(figures) for name, figures in taken.items()}
    return {
        "network": f"{recipe.num_layers} x {recipe.hidden_size}, {recipe.batch} x {recipe.window} characters a step",
        "plain_threads": threads,
        "chars_per_sec": {name: round(recipe.batch * recipe.window / s, 1) for name, s in medians.items()},
        "ratio": {name: round(medians["plain way"] / s, 2) for name, s in medians.items()},
    }


def _seconds(step: Step, threads: int) -> float:
    torch.set_num_threads(threads)
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def shares(arguments: Sequence[str]) -> dict[str, float]:
    """The seconds of a run in each of ``PARTS``, and which share of all but looking was no step."""
    spent: dict[str, float] = defaultdict(float)
    stack: list[str] = []
    since = time.perf_counter()

    def turn() -> None:
        """The time since the last turn goes to what was going on."""
        nonlocal since
        now = time.perf_counter()
        if stack:
            spent[stack[-1]] += now - since
        since = now

    def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def counted(*given: Any, **options: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():  # it keeps no step waiting
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


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Speed of training, beside the plain way.")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_training.json")
    options = parser.parse_args(argv)
    found: dict[str, Any] = {"machine": machine(), "repeats": options.repeats, "speed": {}}
    for preset in COMPARED:
        found["speed"][preset] = told = speeds(PRESETS[preset], options.repeats)
        print(f"\n{preset}: {told['network']}; plain way in {told['plain_threads']} threads")
        for name, figure in told["chars_per_sec"].items():
            print(f"{name:<24}{figure:>12,.0f} characters/s{told['ratio'][name]:>8.2f} x plain")
    found["run"] = shares([f"--minutes={options.minutes}"]) if options.minutes else {}
    if found["run"]:
        print(f"\na run of {options.minutes:g} minutes, in seconds: {found['run']}")
        print(f"outside of forward, backward and optimizer, looking left out: {found['run']['outside']:.2%}")
    write_json(options.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
