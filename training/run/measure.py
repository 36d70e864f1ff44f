"""Measures this machine for a few seconds, and turns minutes into a number of steps before the recipe is fixed.

Everything that a run spends time on is counted: steps, evaluations, samples, checkpoints, model cards, and the time
before the first step. Afterwards nothing reads the clock, so that a resumed run is the same run.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, perf_counter

import torch

from model import LSTMConfig
from model.backends.device import has_fast_bfloat16

from ..card import overlap
from ..corpus.ids_file import Ids
from ..errors import RunError
from ..learner import evaluation, processes
from ..learner.distillation import SoftTargets
from ..learner.recipe import SAMPLES, Recipe
from ..learner.trainer import Trainer
from ..signals import Signals
from .state_files import write_state

_LEAST_S, _MOST_S = 0.7, 5.0  # of steps that are timed, twice
_TIMED = 0.01  # the share of the run's time that goes into that, within these bounds
_LONG_RUN = 1.04  # a processor steps so much slower over minutes than in its first seconds
_EVALUATED = 8192  # characters whose evaluation is timed
_SAMPLED = 24  # characters of a sample that are timed
CARD_S = 1.0  # curve and samples of a model card
_SEARCH_S = 0.2e-6  # for each character in which a card searches its samples
END_S = 2.0  # named cells, the last card, and the end of the process
_EVALUATIONS_SHARE = 0.05  # of the time, for evaluations and checkpoints, at most


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The time that a run may take.

    Attributes:
        minutes: of wall time for the whole run.
        start: `time.monotonic()` when the process began.
        pushes: whether each best checkpoint gets a model card at once, to be pushed.
        fixed: fields of the recipe that the user chose, which stay as they are.
    """

    minutes: float
    start: float
    pushes: bool = False
    fixed: frozenset[str] = frozenset()

    @property
    def seconds(self) -> float:
        """The wall time of the whole run."""
        return 60 * self.minutes

    @property
    def left_s(self) -> float:
        """The seconds that are left of it."""
        return self.seconds - (monotonic() - self.start)


def fit_minutes(
    recipe: Recipe,
    plan: Plan,
    vocab_size: int,
    train: Ids,
    validation: int,
    folder: Path,
    device: torch.device,
    soft_targets: SoftTargets | None = None,
) -> tuple[Recipe, float]:
    """Returns the recipe with the steps, evaluations and number format that fill the planned time.

    Args:
        vocab_size: V.
        train: (N,) the text to train on.
        validation: characters that each evaluation reads.
        folder: the run folder, in which a checkpoint is written and timed.
        soft_targets: (N, V) teachers' predictions of the text.

    Returns:
        the recipe, and the measured characters per second.

    Raises:
        RunError: a checkpoint cannot be written.
    """
    if recipe.bfloat16 and "bfloat16" not in plan.fixed:
        recipe = replace(recipe, bfloat16=_is_faster_in_bfloat16(recipe, vocab_size, train, device))
    trainer = _trainer(recipe, vocab_size, train, device, soft_targets, rounds=2)
    timed_s = min(_MOST_S, max(_LEAST_S, _TIMED * plan.seconds))
    times = _step_seconds(trainer, timed_s)
    sample_s = _sample_seconds(trainer)
    evaluation_s = _evaluation_seconds(trainer, train, validation) + sample_s + _checkpoint_seconds(trainer, folder)
    search_s = _SEARCH_S * min(len(train), overlap.MAX_CHARACTERS)
    evaluation_s += CARD_S + search_s if plan.pushes else 0.0
    # The mean, not the median: steps that take longer now and then do so in the run, too.
    step_s = statistics.fmean(times + _step_seconds(trainer, timed_s))
    left_s = plan.left_s - END_S - search_s
    evaluations = recipe.evaluations
    if "evaluations" not in plan.fixed:
        # At least one a minute: a run that is killed loses no more than that.
        wanted = min(200, max(recipe.evaluations, round(plan.minutes)))
        evaluations = max(2, min(wanted, int(_EVALUATIONS_SHARE * left_s / evaluation_s)))
    left_s -= evaluations * evaluation_s + max(0, SAMPLES - evaluations) * sample_s
    steps = max(10, round(left_s / step_s))
    rate = recipe.batch * recipe.window / step_s
    return replace(recipe, steps=min(steps, 10**9), evaluations=evaluations), rate


def reading_speed(recipe: Recipe, vocab_size: int, train: Ids, device: torch.device) -> float:
    """Returns about how many characters per second a recipe trains on: precise enough to choose a preset."""
    recipe = replace(recipe, bfloat16=has_fast_bfloat16(device))
    return recipe.batch * recipe.window / _median_step_seconds(recipe, vocab_size, train, device)


def memory_needed(recipe: Recipe, config: LSTMConfig) -> int:
    """Returns the bytes that a training step takes at least; a real one takes up to twice as much."""
    # Weights, their average, gradients and two of momentum; a character's gates, cells and logits.
    character = 4 * (config.embedding_size + 8 * config.num_layers * config.hidden_size + 3 * config.vocab_size)
    return 4 * 5 * config.parameters + recipe.batch * recipe.window * character


def _is_faster_in_bfloat16(recipe: Recipe, vocab_size: int, train: Ids, device: torch.device) -> bool:
    """Compares steps with short windows and few cells, which gives the same answer in a fraction of the time."""
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
    *,
    rounds: int = 1,
) -> Trainer:
    """Returns a trainer whose steps are timed in `rounds` calls of `_timed_steps`, in all processes at once."""
    trainer = Trainer(recipe, vocab_size, train, device, soft_targets)
    processes.call_other_ranks(_step_on_other_rank, train, recipe, vocab_size, device.type, rounds)
    return trainer


def _step_on_other_rank(
    _signals: Signals, train: Ids, recipe: Recipe, vocab_size: int, device: str, rounds: int
) -> None:
    """Takes the steps that rank 0 times, on every other rank."""
    trainer = Trainer(recipe, vocab_size, train, device)
    for _ in range(rounds):
        _timed_steps(trainer, 0, 0.0)


def _step_seconds(trainer: Trainer, timed_s: float) -> list[float]:
    return [_LONG_RUN * seconds for seconds in _timed_steps(trainer, 2, timed_s)]


def _timed_steps(trainer: Trainer, least: int, least_s: float) -> list[float]:
    """Returns the seconds of single steps: at least `least` of them, for at least `least_s`, after one to warm up."""
    trainer.step()
    times: list[float] = []
    while processes.decide(len(times) < least or sum(times) < least_s):
        start = perf_counter()
        trainer.step()
        times.append(perf_counter() - start)
    return times


def _evaluation_seconds(trainer: Trainer, train: Ids, validation: int) -> float:
    """Returns the seconds of an evaluation: both protocols, and the cost of int8 inference."""
    network, ids = trainer.average, train[: min(_EVALUATED, validation) + 1]
    start = perf_counter()
    evaluation.int8_cost(network, ids)
    between = perf_counter()
    evaluation.cold_losses(network, ids)
    return between - start + 2 * (perf_counter() - between) * validation / max(1, len(ids) - 1)


def _sample_seconds(trainer: Trainer) -> float:
    network, state = trainer.average, None
    ids = torch.zeros(1, dtype=torch.int64, device=trainer.device)
    start = perf_counter()
    with torch.inference_mode():
        for _ in range(_SAMPLED):
            _, state = network.step(ids, state)
    return (perf_counter() - start) * evaluation.SAMPLE / _SAMPLED


def _checkpoint_seconds(trainer: Trainer, folder: Path) -> float:
    """Returns the seconds of a checkpoint, nearly all of which is the state for resuming."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".probe-", suffix=".tmp") as probe:
            start = perf_counter()
            write_state(Path(probe), {}, trainer.state_tensors())
            return 1.25 * (perf_counter() - start)
    except OSError as error:
        raise RunError(
            f"a checkpoint cannot be written to {folder.name!r} ({error.strerror}): choose another --out"
        ) from None
