"""What this machine can do with a recipe: timed for a few seconds, once, before the run is frozen.

Everything that a run spends time on is counted: steps, evaluations, samples, checkpoints, cards, and what was over
before. Afterwards nothing reads the clock, so that a resumed run is the same run.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, perf_counter

import torch

from model import LSTMConfig

from ..card import overlap as verbatim
from ..corpus.ids_file import Ids
from ..errors import RunError
from ..learner import evaluation as evaluate
from ..learner.distillation import Expected
from ..learner.recipe import SAMPLES, Recipe
from ..learner.trainer import Trainer
from .run_folder import write_state

_LEAST_S, _MOST_S = 0.7, 5.0  # of steps that are timed, twice
_TIMED = 0.01  # the share of the time that goes into that, between those two
_LONG_RUN = 1.04  # a processor steps so much slower over minutes than in its first seconds
_EVALUATED = 8192  # characters; what an evaluation costs is reckoned from so many
_SAMPLED = 24  # characters, likewise
CARD_S = 1.0  # curve and samples of a model card
_LOOK_UP_S = 0.2e-6  # for each character in which a card looks its samples up
END_S = 2.0  # names for cells, the last card, and the end of the process
_LOOKING = 0.05  # the share of the time that may go into evaluations and checkpoints


@dataclass(frozen=True)
class Plan:
    """The time there is.

    Attributes:
        seconds: of wall time for the whole run.
        start: ``time.monotonic()`` when it began.
        pushes: whether each best checkpoint gets a card at once, to be pushed.
        fixed: fields of the recipe that the person chose, and that are not to be changed.
    """

    seconds: float
    start: float
    pushes: bool = False
    fixed: frozenset[str] = frozenset()

    @property
    def left_s(self) -> float:
        return self.seconds - (monotonic() - self.start)


def fit_minutes(
    recipe: Recipe,
    plan: Plan,
    vocab_size: int,
    train: Ids,
    validation: int,
    folder: Path,
    device: torch.device,
    expected: Expected | None = None,
) -> tuple[Recipe, float]:
    """The recipe with steps, evaluations and number format such that the run takes the time that is planned.

    Args:
        recipe: what to train.
        plan: how long.
        vocab_size: how many characters there are.
        train: (N,) the text to train on.
        validation: characters read at each evaluation.
        folder: on the disk that takes the checkpoints.
        device: where the run will be.
        expected: (N, V), what teachers expect of the text.

    Returns:
        the recipe, and the characters a second that were measured.

    Raises:
        RunError: the disk does not take a checkpoint.
    """
    if recipe.bfloat16 and "bfloat16" not in plan.fixed:
        recipe = replace(recipe, bfloat16=_is_faster_in_bfloat16(recipe, vocab_size, train, device))
    trainer = Trainer(recipe, vocab_size, train, device, expected)
    timed_s = min(_MOST_S, max(_LEAST_S, _TIMED * plan.seconds))
    times = _step_seconds(trainer, timed_s)
    sample_s = _sample_seconds(trainer)
    look_s = _look_seconds(trainer, train, validation) + sample_s + _write_seconds(trainer, folder)
    look_up_s = _LOOK_UP_S * min(len(train), verbatim.MOST)
    look_s += CARD_S + look_up_s if plan.pushes else 0.0
    # The mean, not the median: what now and then takes longer does so in the run as well. And once more by now.
    step_s = statistics.fmean(times + _step_seconds(trainer, timed_s))
    left_s = plan.left_s - END_S - look_up_s
    evaluations = recipe.evaluations
    if "evaluations" not in plan.fixed:
        # One a minute at least: a run that is killed loses no more than that.
        wanted = min(200, max(recipe.evaluations, round(plan.seconds / 60)))
        evaluations = max(2, min(wanted, int(_LOOKING * left_s / look_s)))
    left_s -= evaluations * look_s + max(0, SAMPLES - evaluations) * sample_s
    steps = max(10, round(left_s / step_s))
    rate = recipe.batch * recipe.window / step_s
    return replace(recipe, steps=min(steps, 10**9), evaluations=evaluations), rate


def reading_speed(recipe: Recipe, vocab_size: int, train: Ids, device: torch.device) -> float:
    """Characters a second that a recipe trains on, roughly: what decides between presets, before one is measured well.

    The text is read as a ring, so that a short one does for a whole step.
    """
    trainer = Trainer(replace(recipe, bfloat16=has_fast_bfloat16(device)), vocab_size, train, device)
    return recipe.batch * recipe.window / statistics.median(_timed_steps(trainer, 3, 0.0))


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether products in bfloat16 are worth trying: whether the hardware has them."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def memory_needed(recipe: Recipe, config: LSTMConfig) -> int:
    """Bytes that a step takes at least; a real one takes up to twice as much."""
    # Weights, their average, gradients and two of momentum; a character's gates, cells and predictions.
    character = 4 * (config.embedding_size + 8 * config.num_layers * config.hidden_size + 3 * config.vocab_size)
    return 4 * 5 * config.parameters + recipe.batch * recipe.window * character


def memory_free(device: torch.device) -> int | None:
    """Bytes that are free; None where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    with contextlib.suppress(OSError, ValueError, IndexError):
        found = Path("/proc/meminfo").read_text().partition("MemAvailable:")[2].split()
        return int(found[0]) * 1024
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _is_faster_in_bfloat16(recipe: Recipe, vocab_size: int, train: Ids, device: torch.device) -> bool:
    """Compared on short windows and few cells, which tell it in a fraction of the time."""
    short = replace(recipe, window=min(recipe.window, 8), hidden_size=min(recipe.hidden_size, 256))
    trainers = {use: Trainer(replace(short, bfloat16=use), vocab_size, train, device) for use in (True, False)}
    taken = {use: statistics.median(_timed_steps(trainer, 3, 0.0)) for use, trainer in trainers.items()}
    return taken[True] < taken[False]


def _step_seconds(trainer: Trainer, timed_s: float) -> list[float]:
    return [_LONG_RUN * seconds for seconds in _timed_steps(trainer, 2, timed_s)]


def _timed_steps(trainer: Trainer, least: int, seconds: float) -> list[float]:
    """Seconds of each of at least `least` steps that take at least `seconds` in all, after one to warm up."""
    trainer.step()  # the first one sets up what later ones use
    times: list[float] = []
    while len(times) < least or sum(times) < seconds:
        start = perf_counter()
        trainer.step()
        times.append(perf_counter() - start)
    return times


def _look_seconds(trainer: Trainer, train: Ids, validation: int) -> float:
    """What an evaluation takes, under both protocols and in 8 bits."""
    network, ids = trainer.average, train[: min(_EVALUATED, validation) + 1]
    start = perf_counter()
    evaluate.int8_cost(network, ids)
    then = perf_counter()
    evaluate.cold(network, ids)
    return then - start + 2 * (perf_counter() - then) * validation / max(1, len(ids) - 1)


def _sample_seconds(trainer: Trainer) -> float:
    network, state = trainer.average, None
    ids = torch.zeros(1, dtype=torch.int64, device=network.embedding.weight.device)
    start = perf_counter()
    with torch.inference_mode():
        for _ in range(_SAMPLED):
            _, state = network.step(ids, state)
    return (perf_counter() - start) * evaluate.SAMPLE / _SAMPLED


def _write_seconds(trainer: Trainer, folder: Path) -> float:
    """What a checkpoint takes: the state that resume needs is nearly all of it."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".probe-", suffix=".tmp") as probe:
            start = perf_counter()
            write_state(Path(probe), {}, trainer.state_tensors())
            return 1.25 * (perf_counter() - start)
    except OSError as error:
        raise RunError(
            f"a checkpoint cannot be written to {folder.name!r} ({error.strerror}): choose another --out"
        ) from None
