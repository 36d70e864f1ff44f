"""The format of samples.jsonl: what a model wrote after some steps of its training, one sample a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ..files import json_lines
from ..settings import check_value

MAX_SAMPLES = 1_000
MAX_BYTES = 1 << 20
MAX_TEXT = 1_000  # characters of a sample


class Sample(TypedDict):
    """A line of samples.jsonl: what the model generated after a step."""

    step: int
    prompt: str
    temperature: float
    seed: int
    text: str


def samples_from_json(lines: Sequence[Mapping[str, Any]]) -> tuple[Sample, ...]:
    """Returns the samples, oldest first.

    Raises:
        ValueError: the lines are not samples in the order of their steps, or there are more than 1,000.
    """
    if len(lines) > MAX_SAMPLES:
        raise ValueError(f"it has {len(lines):,} samples: at most {MAX_SAMPLES:,} are allowed")
    samples = tuple(_sample(line) for line in lines)
    steps = [sample["step"] for sample in samples]
    if steps != sorted(steps):
        raise ValueError("its samples are not in the order of their steps")
    return samples


def thinned(samples: Sequence[Sample]) -> list[Sample]:
    """Returns the samples that fit into samples.jsonl: all, or the first, the last and evenly spaced others."""
    kept = list(samples)
    while len(kept) > MAX_SAMPLES or len(json_lines(kept)) > MAX_BYTES:
        kept = [*kept[:-1:2], kept[-1]]
    return kept


def _sample(line: Mapping[str, Any]) -> Sample:
    prompt, text = line.get("prompt"), line.get("text")
    for name, kind in (("step", int), ("seed", int), ("temperature", float)):
        check_value(f"{name} of a sample", line.get(name), kind)
    if not isinstance(prompt, str) or not isinstance(text, str) or len(prompt) + len(text) > MAX_TEXT:
        raise ValueError(f"prompt and text of a sample must be texts of at most {MAX_TEXT:,} characters together")
    temperature = float(line["temperature"])
    return {"step": line["step"], "prompt": prompt, "temperature": temperature, "seed": line["seed"], "text": text}
