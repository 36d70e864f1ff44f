"""The training loop, the same in every process of a run."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..corpus.ids_file import Ids
from ..signals import Signals
from . import processes
from .recipe import Recipe
from .trainer import DivergedError, Trainer


def train(trainer: Trainer, signals: Signals, after_step: Callable[[float], object]) -> None:
    """Trains to the recipe's last step, or until a signal. Only rank 0 calls this; it starts the loop on the others.

    Args:
        trainer: of a new run, or at the step of a checkpoint.
        signals: read after each step; a signal to any rank stops all ranks after the same step.
        after_step: gets the loss of each step, in nats per character. The trainer's `state_tensors` are complete in
            it when the recipe evaluates after that step, and when the loop is over.

    Raises:
        DivergedError: the loss is not finite.
        LostProcessError: another process has died.
    """
    config = trainer.network.config
    processes.call_other_ranks(
        _train_on_other_rank, trainer.windows.ids, trainer.recipe, config.vocab_size, trainer.device.type
    )
    _loop(trainer, signals, after_step)


def _train_on_other_rank(signals: Signals, ids: Ids, recipe: Recipe, vocab_size: int, device: str) -> None:
    """Runs the loop on every rank but 0."""
    try:
        _loop(Trainer(recipe, vocab_size, ids, torch.device(device)), signals, lambda _: None)
    except DivergedError:  # the loss is the sum over all ranks, so rank 0 raises it too, and prints it
        return


def _loop(trainer: Trainer, signals: Signals, after_step: Callable[[float], object]) -> None:
    trainer.copy_from_rank_0()
    stop = processes.agree_on_stop(signals)
    while trainer.steps_done < trainer.recipe.steps and not stop:
        loss = trainer.step()
        if trainer.recipe.evaluates_after(trainer.steps_done):
            trainer.gather_state()
        failed = True
        try:
            after_step(loss)
            failed = False
        finally:  # the other ranks wait here while rank 0 evaluates; its errors must end them, too
            stop = processes.agree_on_stop(signals, failed=failed)
    if stop != processes.FAILED:
        trainer.gather_state()
