"""Measures, in a few seconds, how long the parts of a run of a recipe take on this machine; and chooses how many
threads compute a training step, by measuring steps of the run itself, again and again.

Beside another busy program, two threads of a step that wait for each other are slower than one: each waits for a time
slice of the scheduler. On two idle cores they are faster. So a run tries both for some steps, keeps the faster number,
and tries again after some seconds, or sooner when its steps have become slower. The results do not depend on it beyond
rounding; each step's number is recorded, so that a resumed run repeats the steps bit for bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter, thread_time

import torch

from model import LSTMConfig
from model.backends.device import has_fast_bfloat16

from ..card import overlap
from ..corpus.ids_file import Ids
from ..learner import evaluation, processes
from ..learner.distillation import SoftTargets
from ..learner.recipe import Recipe
from ..learner.trainer import Trainer
from .clock import Costs

_TRIALS = 3  # steps with each number
_KEPT_STEPS, _KEPT_S = 100, 5.0  # the least steps and seconds between two trials
_SLOWER = 1.3  # times as long as in the last trial: then the next trial begins at once
_RECENT = 8  # steps whose mean is compared
_MIN_STEPS_S, _MAX_STEPS_S = 0.7, 5.0  # how long training steps are timed
_STEPS_SHARE = 0.01  # of the run's time, for timing steps; within these bounds
_EVALUATED = 8192  # characters whose evaluation is timed
_PROTOCOLS = 2.5  # the time of an evaluation, with both protocols and the warm-up of rows, over that of `cold_losses`
_SAMPLED = 24  # characters of a sample that are timed
_CARD_S = 1.0  # seconds for the curve and the samples of a model card
_SEARCH_S = 0.2e-6  # seconds for each character of the text in which a card searches its samples
_MAX_WAITING = 20.0  # upper bound of the factor by which waiting for a processor lengthens the end of a run
_END_S = 3.0  # seconds for named cells, the imports and the drawing of the last card, and the end of the process
_TRIES = 4  # steps of which the shortest counts, after one to warm up


class Threads:
    """The number of threads of each step. It stays on a GPU, where they do not compute, and in several processes."""

    def __init__(self, device: torch.device) -> None:
        self.count = most = torch.get_num_threads()  # for the next step
        is_fixed = device.type != "cpu" or processes.count() > 1
        self._choices = [most] if is_fixed else sorted({most, max(1, most // 2), 1}, reverse=True)
        self._usual_s = 0.0
        self._begin_trial()

    @property
    def is_measured(self) -> bool:
        """Whether the first trial has ended."""
        return len(self._choices) == 1 or self._usual_s > 0

    def _begin_trial(self) -> None:
        """Lists the numbers of the steps of a trial in turn, so that a change of the machine affects all of them."""
        self._untried = self._choices * _TRIALS if len(self._choices) > 1 else []
        self._tried: dict[int, list[float]] = {count: [] for count in self._choices}
        self._kept: deque[float] = deque(maxlen=_RECENT)  # seconds of the last steps after the trial
        self._kept_steps, self._kept_s = 0, 0.0  # of all steps after it

    def use(self, count: int | None = None) -> int:
        """Sets the number of threads of this process, to `count` or to the one for the next step; returns it."""
        self.count = count or (self._untried[0] if self._untried else self.count)
        if torch.get_num_threads() != self.count:
            torch.set_num_threads(self.count)
        return self.count

    def add(self, seconds: float) -> None:
        """Notes how long the last step took, which was computed with `count` threads."""
        if self._untried:
            self._untried.pop(0)
            self._tried[self.count].append(seconds)
            if not self._untried:
                # The least: where the system puts both threads on one core for a while, other steps are faster.
                self.count = min(self._choices, key=lambda count: min(self._tried[count]))
                self._usual_s = sum(self._tried[self.count]) / _TRIALS
            return
        self._kept.append(seconds)
        self._kept_steps, self._kept_s = self._kept_steps + 1, self._kept_s + seconds
        is_slower = len(self._kept) == _RECENT and sum(self._kept) > _SLOWER * _RECENT * self._usual_s
        is_due = self._kept_steps >= _KEPT_STEPS and self._kept_s >= _KEPT_S
        if is_slower or is_due:
            self._begin_trial()


@dataclass(kw_only=True)
class Measured:
    """What was measured for a recipe."""

    threads: Threads  # the number of threads, chosen by the steps that were timed
    character_s: float  # seconds of the losses of an evaluation, for each character that it reads
    costs: Costs  # those of the parts of the run; `evaluation_s` without these losses


def measured(
    recipe: Recipe,
    vocab_size: int,
    train: Ids,
    device: torch.device,
    soft_targets: SoftTargets | None = None,
    *,
    minutes: float,
    pushes: bool = False,
) -> Measured:
    """Returns how long the parts of a run of --minutes take on this machine.

    Args:
        vocab_size: V.
        train: (N,) the text to train on.
        soft_targets: (N, V) teachers' predictions of the text.
        minutes: the length of the run; steps are timed for up to 1 % of it.
        pushes: whether each best checkpoint gets a model card at once, to be pushed.
    """
    began, computed = perf_counter(), thread_time()
    trainer = _trainer(recipe, vocab_size, train, device, soft_targets)
    threads = Threads(device)
    step_s = _time_steps(trainer, threads, min(_MAX_STEPS_S, max(_MIN_STEPS_S, _STEPS_SHARE * 60 * minutes)))
    network, ids = trainer.average, train[: _EVALUATED + 1]
    int8_s = _seconds(lambda: evaluation.int8_cost(network, ids))
    losses_s = _seconds(lambda: evaluation.cold_losses(network, ids))
    sample_s = _seconds(lambda: _sample(trainer)) * evaluation.SAMPLE_LENGTH / _SAMPLED
    search_s = _SEARCH_S * min(len(train), overlap.MAX_CHARACTERS)
    # Beside other programs, the end of the run waits for a processor as long as this function does.
    waiting = (perf_counter() - began) / max(1e-9, thread_time() - computed) if device.type == "cpu" else 1.0
    return Measured(
        threads=threads,
        character_s=_PROTOCOLS * losses_s / max(1, len(ids) - 1),
        costs=Costs(
            step_s=step_s,
            evaluation_s=int8_s + sample_s + (_CARD_S + search_s if pushes else 0.0),
            end_s=(_END_S + search_s) * min(_MAX_WAITING, max(1.0, waiting)),
        ),
    )


def _time_steps(trainer: Trainer, threads: Threads, least_s: float) -> float:
    """Returns the mean seconds of a step with the number of threads that is faster, after one step to warm up."""
    trainer.step()
    while not threads.is_measured:
        threads.use()
        threads.add(_seconds(trainer.step))
    threads.use()
    times: list[float] = []
    while len(times) < 2 or sum(times) < least_s:
        times.append(_seconds(trainer.step))
    return sum(times) / len(times)  # not the median: steps that take longer now and then do so in the run, too


def reading_speed(recipe: Recipe, vocab_size: int, train: Ids, device: torch.device) -> float:
    """Returns about how many characters per second a recipe trains on; exact enough to choose a preset."""
    recipe = replace(recipe, bfloat16=has_fast_bfloat16(device))
    trainer = _trainer(recipe, vocab_size, train, device)
    trainer.step()
    return recipe.batch * recipe.window / min(_seconds(trainer.step) for _ in range(_TRIES))


def memory_needed(recipe: Recipe, config: LSTMConfig) -> int:
    """Returns a lower bound of the bytes that a training step takes; measured steps took up to twice as much."""
    # Weights, their average, gradients and two running means; for each character its gates, cells and logits.
    character = 4 * (config.embedding_size + 8 * config.num_layers * config.hidden_size + 3 * config.vocab_size)
    return 4 * 5 * config.parameters + recipe.batch * recipe.window * character


def _trainer(
    recipe: Recipe, vocab_size: int, train: Ids, device: torch.device, soft_targets: SoftTargets | None = None
) -> Trainer:
    """Returns a trainer that reads alone what this process reads in each step of the run."""
    rows = processes.rows(recipe.batch)
    return Trainer(replace(recipe, batch=rows.stop - rows.start), vocab_size, train, device, soft_targets)


def _seconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def _sample(trainer: Trainer) -> None:
    state, ids = None, torch.zeros(1, dtype=torch.int64, device=trainer.device)
    with torch.inference_mode():
        for _ in range(_SAMPLED):
            _, state = trainer.average.step(ids, state)
