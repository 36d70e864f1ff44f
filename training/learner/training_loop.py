"""The training loop, the same in every process of a run."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..corpus.ids_file import Ids
from ..signals import Signals
from . import processes
from .paragraphs import Paragraphs
from .recipe import Recipe
from .schedule import Decision, Schedule
from .trainer import DivergedError, Trainer

Decide = Callable[[], Decision]


def train(trainer: Trainer, signals: Signals, after_step: Callable[[float], object], decide: Decide) -> None:
    """Trains until the schedule's last step or a signal. Only rank 0 calls this; it starts the loop on the other ranks.

    Args:
        trainer: the trainer of a new run, or one at the step of a checkpoint.
        signals: read after each step; a signal to any rank stops all ranks after the same step.
        after_step: called with the loss of each step, in nats per character. The trainer's `state_tensors` are
            complete during the call if the schedule evaluates after that step, and when the loop has ended.
        decide: returns and records the next decision of the schedule; called where it needs one, and must not raise.

    Raises:
        DivergedError: the loss is not finite.
        LostProcessError: another process has died.
    """
    config = trainer.network.config
    processes.call_other_ranks(
        _train_on_other_rank,
        trainer.windows.ids,
        trainer.windows.paragraphs,
        trainer.recipe,
        trainer.schedule.decisions,
        config.vocab_size,
        trainer.device.type,
    )
    _loop(trainer, signals, after_step, decide)


def _train_on_other_rank(
    signals: Signals,
    ids: Ids,
    paragraphs: Paragraphs | None,
    recipe: Recipe,
    decisions: list[Decision],
    vocab_size: int,
    device: str,
) -> None:
    """Runs the loop on every rank but 0."""
    trainer = Trainer(
        recipe, vocab_size, ids, torch.device(device), schedule=Schedule(recipe, decisions), paragraphs=paragraphs
    )
    try:
        _loop(trainer, signals, lambda _: None, lambda: Decision(0, 0, 0))  # replaced by the decision of rank 0
    except DivergedError:  # the loss is the sum over all ranks, so rank 0 raises it too, and prints it
        return


def _loop(trainer: Trainer, signals: Signals, after_step: Callable[[float], object], decide: Decide) -> None:
    trainer.copy_from_rank_0()
    schedule = trainer.schedule
    stop = processes.agree_on_stop(signals)
    while trainer.steps_done < schedule.steps and not stop:
        if schedule.needs_decision(trainer.steps_done):
            numbers = torch.tensor(decide())
            processes.broadcast([numbers])
            schedule.add(Decision(*numbers.tolist()))
        loss = trainer.step()
        if schedule.evaluates_after(trainer.steps_done):
            trainer.gather_state()
        failed = True
        try:
            after_step(loss)
            failed = False
        finally:  # the other ranks wait here while rank 0 evaluates; an error of rank 0 must end them, too
            stop = processes.agree_on_stop(signals, failed=failed)
    if stop != processes.FAILED:
        trainer.gather_state()
