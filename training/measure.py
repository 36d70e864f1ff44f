"""What this machine can do with a recipe: timed for a few seconds, once, before the run is frozen."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import torch

from . import evaluate
from .dataset import Ids
from .recipe import Recipe
from .trainer import Trainer

_SECONDS = 1.2  # a number format; long enough for a median of some steps
_EVALUATED = 16_384  # characters; what an evaluation costs is reckoned from so many


def fit_minutes(
    recipe: Recipe, minutes: float, vocab_size: int, train: Ids, validation: int, device: torch.device, spent_s: float
) -> tuple[Recipe, float]:
    """The recipe with steps and number format such that the run ends after some minutes.

    Args:
        recipe: its steps and bfloat16 are replaced.
        minutes: of wall time, from the start of the process.
        vocab_size: how many characters there are.
        train: (N,) the text to train on.
        validation: characters read at each evaluation.
        device: where the run will be.
        spent_s: seconds of those minutes that are over already.

    Returns:
        the recipe, and the characters a second that were measured.
    """
    began = time.perf_counter()
    rates = {use: _rate(replace(recipe, bfloat16=use), vocab_size, train, device) for use in (True, False)}
    bfloat16 = rates[True] > rates[False]
    seconds = 60 * minutes - spent_s - (time.perf_counter() - began)
    look_s = _evaluation_seconds(recipe, vocab_size, train, device) * validation / _EVALUATED
    evaluations = max(2, min(recipe.evaluations, int(0.15 * seconds / look_s)))
    left = max(0.1 * seconds, seconds - evaluations * look_s)
    steps = max(10, int(left * rates[bfloat16] / (recipe.batch * recipe.window)))
    return replace(recipe, steps=steps, bfloat16=bfloat16, evaluations=evaluations), rates[bfloat16]


def _rate(recipe: Recipe, vocab_size: int, train: Ids, device: torch.device) -> float:
    """Characters a second, from the median step."""
    trainer = Trainer(recipe, vocab_size, train, device)
    for _ in range(2):  # the first steps set up what later ones use
        trainer.step()
    times: list[float] = []
    while len(times) < 3 or sum(times) < _SECONDS:
        start = time.perf_counter()
        trainer.step()
        times.append(time.perf_counter() - start)
    return recipe.batch * recipe.window / statistics.median(times)


def _evaluation_seconds(recipe: Recipe, vocab_size: int, train: Ids, device: torch.device) -> float:
    """What reading ``_EVALUATED`` characters under both protocols takes."""
    network = Trainer(recipe, vocab_size, train, device).average
    ids = train[: _EVALUATED + 1]
    start = time.perf_counter()
    evaluate.cold(network, ids)
    return 2 * (time.perf_counter() - start) * _EVALUATED / max(1, len(ids) - 1)
