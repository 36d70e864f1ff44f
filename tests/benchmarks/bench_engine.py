"""Measures the engine: the time of a character early and late in a reply, and of other replies during a long prompt.

python -m tests.benchmarks.bench_engine [--json FILE]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch

from model import PRETRAINED, CharLSTM, Engine, SamplingParams
from tests.benchmarks.report import write_json

FAR = 100_000
STRETCH = 2000  # characters timed at once
REPEATS = 5
CROWD = 32
PROMPT = 20_000  # characters


def position(lm: CharLSTM) -> dict[str, float]:
    """Returns the microseconds per character near the beginning of a reply and far into it, measured in turns."""

    def begun(length: int) -> Engine:
        engine = Engine(lm, max_slots=1)
        engine.add_request("", SamplingParams(length=10 * FAR, seed=1))
        for _ in range(length):
            engine.step()
        return engine

    def stretch(engine: Engine) -> float:
        began = time.perf_counter()
        for _ in range(STRETCH):
            engine.step()
        return (time.perf_counter() - began) / STRETCH * 1e6

    far = begun(FAR)
    near_us, far_us = [], []
    for _ in range(REPEATS):
        near_us.append(stretch(begun(10)))
        far_us.append(stretch(far))
    near, late = statistics.median(near_us), statistics.median(far_us)
    return {"near_us": near, "far_us": late, "ratio": late / near}


def beside_a_prompt(lm: CharLSTM) -> dict[str, float]:
    """Returns the steps per second of many replies, alone and while a long prompt is read in the same batch."""

    def rate(prompt: int) -> float:
        engine = Engine(lm)
        for seed in range(CROWD):
            engine.add_request("", SamplingParams(length=FAR, seed=seed))
        for _ in range(20):
            engine.step()
        if prompt:
            engine.add_request("x" * prompt, SamplingParams(seed=99, length=1))
        steps, began = 300, time.perf_counter()
        for _ in range(steps):
            engine.step()
        return steps / (time.perf_counter() - began)

    alone, beside = [], []
    for _ in range(REPEATS):
        alone.append(rate(0))
        beside.append(rate(PROMPT))
    return {"alone": statistics.median(alone), "beside": statistics.median(beside)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The engine: position, and a long prompt beside a crowd.")
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_engine.json")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    lm = CharLSTM.from_pretrained(PRETRAINED)
    found = {"position": position(lm), "prompt": beside_a_prompt(lm)}
    where, prompt = found["position"], found["prompt"]
    print(
        f"a character at position 10: {where['near_us']:.0f} µs, "
        f"at {FAR:,}: {where['far_us']:.0f} µs ({where['ratio']:.3f})"
    )
    share = prompt["beside"] / prompt["alone"]
    print(f"{CROWD} replies beside a prompt of {PROMPT:,} characters: {share:.0%} of their speed alone")
    write_json(options.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
