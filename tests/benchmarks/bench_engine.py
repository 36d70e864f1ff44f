"""Measures the engine: the time of a character early and late in a reply, and of other replies during a long prompt.

python -m tests.benchmarks.bench_engine
"""

import statistics
import time

import torch

from model import PRETRAINED, CharLSTM, Engine, SamplingParams

FAR = 100_000
STRETCH = 2000  # characters timed at once
REPEATS = 5
CROWD = 32
PROMPT = 20_000  # characters


def steps_s(engine: Engine, count: int) -> float:
    """Returns the seconds that a number of steps takes."""
    began = time.perf_counter()
    for _ in range(count):
        engine.step()
    return time.perf_counter() - began


def position(lm: CharLSTM) -> tuple[float, float]:
    """Returns the microseconds per character near the beginning of a reply and far into it, measured in turns."""

    def begun(length: int) -> Engine:
        engine = Engine(lm, max_slots=1)
        engine.add_request("", SamplingParams(length=10 * FAR, seed=1))
        steps_s(engine, length)
        return engine

    far = begun(FAR)
    near_s, far_s = [], []
    for _ in range(REPEATS):
        near_s.append(steps_s(begun(10), STRETCH))
        far_s.append(steps_s(far, STRETCH))
    return statistics.median(near_s) / STRETCH * 1e6, statistics.median(far_s) / STRETCH * 1e6


def beside_a_prompt(lm: CharLSTM) -> float:
    """Returns the speed of many replies while a long prompt is read in the same batch, as a share of that alone."""

    def seconds(prompt: int) -> float:
        engine = Engine(lm)
        for seed in range(CROWD):
            engine.add_request("", SamplingParams(length=FAR, seed=seed))
        steps_s(engine, 20)
        if prompt:
            engine.add_request("x" * prompt, SamplingParams(seed=99, length=1))
        return steps_s(engine, 300)

    alone, beside = [], []
    for _ in range(REPEATS):
        alone.append(seconds(0))
        beside.append(seconds(PROMPT))
    return statistics.median(alone) / statistics.median(beside)


if __name__ == "__main__":
    torch.set_num_threads(1)
    lm = CharLSTM.from_pretrained(PRETRAINED)
    near_us, far_us = position(lm)
    print(f"a character at position 10: {near_us:.0f} µs, at {FAR:,}: {far_us:.0f} µs ({far_us / near_us:.3f})")
    print(f"{CROWD} replies beside a prompt of {PROMPT:,} characters: {beside_a_prompt(lm):.0%} of their speed alone")
