"""Measures, in a few seconds, how long steps, evaluations, samples and checkpoints of a recipe take on this machine."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter, thread_time

import torch

from model import LSTMConfig
from model.backends.device import has_fast_bfloat16

from ..card import overlap
from ..corpus.ids_file import Ids
from ..errors import RunError
from ..learner import evaluation, processes
from ..learner.distillation import SoftTargets
from ..learner.recipe import Recipe
from ..learner.trainer import Trainer
from ..signals import Signals
from .state_files import write_state
from .time_plan import Costs

_MIN_STEPS_S, _MAX_STEPS_S = 0.7, 5.0  # how long training steps are timed
_STEPS_SHARE = 0.01  # of the run's time, for timing steps; within these bounds
_EVALUATED = 8192  # characters whose evaluation is timed
_PROTOCOLS = 2.5  # the time of an evaluation, with both protocols and the warm-up of rows, over that of `cold_losses`
_SAMPLED = 24  # characters of a sample that are timed
CARD_S = 1.0  # seconds for the curve and the samples of a model card
_SEARCH_S = 0.2e-6  # seconds for each character of the text in which a card searches its samples
_MAX_WAITING = 20.0  # upper bound of the factor by which waiting for a processor lengthens the end of a run
END_S = 2.0  # seconds for named cells, the last card, and the end of the process


def measure_costs(
    recipe: Recipe,
    vocab_size: int,
    train: Ids,
    folder: Path,
    device: torch.device,
    soft_targets: SoftTargets | None = None,
    *,
    minutes: float,
    pushes: bool = False,
) -> Costs:
    """Returns how many seconds the parts of a run of --minutes take on this machine.

    Args:
        vocab_size: V.
        train: (N,) the text to train on.
        folder: the run folder, in which a checkpoint is written and timed.
        soft_targets: (N, V) teachers' predictions of the text.
        minutes: the length of the run; steps are timed for up to 1 % of it.
        pushes: whether each best checkpoint gets a model card at once, to be pushed.

    Raises:
        RunError: a checkpoint cannot be written.
    """
    began, computed = perf_counter(), thread_time()
    trainer = _trainer(recipe, vocab_size, train, device, soft_targets)
    # The mean, not the median: steps that take longer now and then do so in the run, too.
    steps_s = min(_MAX_STEPS_S, max(_MIN_STEPS_S, _STEPS_SHARE * 60 * minutes))
    step_s = statistics.fmean(_timed_steps(trainer, 2, steps_s))
    int8_s, character_s = _evaluation_seconds(trainer, train)
    search_s = _SEARCH_S * min(len(train), overlap.MAX_CHARACTERS)
    checkpoint_s, sample_s = _checkpoint_seconds(trainer, folder), _sample_seconds(trainer)
    # When other programs keep all processors busy, the end of the run also waits for a processor.
    waiting = (perf_counter() - began) / max(1e-9, thread_time() - computed)
    return Costs(
        step_s=step_s,
        character_s=character_s,
        evaluation_s=int8_s + checkpoint_s + (CARD_S + search_s if pushes else 0.0),
        sample_s=sample_s,
        end_s=(END_S + search_s) * min(_MAX_WAITING, max(1.0, waiting)),
    )


def with_faster_format(recipe: Recipe, vocab_size: int, train: Ids, device: torch.device) -> Recipe:
    """Returns the recipe without `bfloat16` if its steps are slower with it."""
    return replace(recipe, bfloat16=recipe.bfloat16 and _is_faster_in_bfloat16(recipe, vocab_size, train, device))


def reading_speed(recipe: Recipe, vocab_size: int, train: Ids, device: torch.device) -> float:
    """Returns about how many characters per second a recipe trains on; exact enough to choose a preset."""
    recipe = replace(recipe, bfloat16=has_fast_bfloat16(device))
    return recipe.batch * recipe.window / _median_step_seconds(recipe, vocab_size, train, device)


def memory_needed(recipe: Recipe, config: LSTMConfig) -> int:
    """Returns a lower bound of the bytes that a training step takes; measured steps took up to twice as much."""
    # Weights, their average, gradients and two running means; for each character its gates, cells and logits.
    character = 4 * (config.embedding_size + 8 * config.num_layers * config.hidden_size + 3 * config.vocab_size)
    return 4 * 5 * config.parameters + recipe.batch * recipe.window * character


def _is_faster_in_bfloat16(recipe: Recipe, vocab_size: int, train: Ids, device: torch.device) -> bool:
    """Returns whether steps are faster in bfloat16, as measured with short windows and few cells to save time."""
    short = replace(recipe, window=min(recipe.window, 8), hidden_size=min(recipe.hidden_size, 256))
    with_it, without = (
        _median_step_seconds(replace(short, bfloat16=use), vocab_size, train, device) for use in (True, False)
    )
    return with_it < without


def _median_step_seconds(recipe: Recipe, vocab_size: int, train: Ids, device: torch.device) -> float:
    return statistics.median(_timed_steps(_trainer(recipe, vocab_size, train, device), 3, 0.0))


def _trainer(
    recipe: Recipe,
    vocab_size: int,
    train: Ids,
    device: torch.device,
    soft_targets: SoftTargets | None = None,
) -> Trainer:
    """Returns a trainer for one call of `_timed_steps`, which the other ranks then run at the same time."""
    trainer = Trainer(recipe, vocab_size, train, device, soft_targets)
    processes.call_other_ranks(_step_on_other_rank, train, recipe, vocab_size, device.type)
    return trainer


def _step_on_other_rank(_signals: Signals, train: Ids, recipe: Recipe, vocab_size: int, device: str) -> None:
    """Takes the steps that rank 0 times, on every other rank."""
    _timed_steps(Trainer(recipe, vocab_size, train, device), 0, 0.0)


def _timed_steps(trainer: Trainer, min_steps: int, min_s: float) -> list[float]:
    """Returns the seconds of each step: `min_steps` or more, for `min_s` seconds or more, after one step to warm up."""
    trainer.step()
    times: list[float] = []
    while processes.decide(len(times) < min_steps or sum(times) < min_s):
        start = perf_counter()
        trainer.step()
        times.append(perf_counter() - start)
    return times


def _evaluation_seconds(trainer: Trainer, train: Ids) -> tuple[float, float]:
    """Returns the seconds that `int8_cost` takes, and those of an evaluation for each of its characters."""
    network, ids = trainer.average, train[: _EVALUATED + 1]
    start = perf_counter()
    evaluation.int8_cost(network, ids)
    between = perf_counter()
    evaluation.cold_losses(network, ids)
    return between - start, _PROTOCOLS * (perf_counter() - between) / max(1, len(ids) - 1)


def _sample_seconds(trainer: Trainer) -> float:
    """Returns the seconds of a sample, from some of its characters."""
    network, state = trainer.average, None
    ids = torch.zeros(1, dtype=torch.int64, device=trainer.device)
    start = perf_counter()
    with torch.inference_mode():
        for _ in range(_SAMPLED):
            _, state = network.step(ids, state)
    return (perf_counter() - start) * evaluation.SAMPLE_LENGTH / _SAMPLED


def _checkpoint_seconds(trainer: Trainer, folder: Path) -> float:
    """Returns the seconds of a checkpoint: a quarter more than those of its training state, the largest part."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".probe-", suffix=".tmp") as probe:
            start = perf_counter()
            write_state(Path(probe), {}, trainer.state_tensors())
            return 1.25 * (perf_counter() - start)
    except OSError as error:
        raise RunError(
            f"a checkpoint cannot be written to {folder.name!r} ({error.strerror}): choose another --out"
        ) from None
