"""What every process but the first does: the same steps as the first one's trainers, on its own rows."""

from __future__ import annotations

import contextlib

import torch

from ..signals import Signals
from . import processes as parallel
from .heap import keep_memory
from .recipe import Recipe
from .trainer import DivergedError, Trainer


def follow(signals: Signals) -> int:
    """Trains along until the first process is done; returns the exit code.

    Raises:
        LostError: a process is gone.
    """
    keep_memory()
    signals.mode = "silent"  # the first one hears of it with the next order, and decides for all
    trainers: dict[int, Trainer] = {}
    for order in parallel.orders():
        if order.recipe is not None and order.ids is not None:
            trainers = {number: each for number, each in trainers.items() if number in order.alive}
            device = "cuda" if torch.cuda.is_available() else "cpu"
            trainers[order.number] = Trainer(Recipe(**order.recipe), order.vocab_size, order.ids, device)
            continue
        with contextlib.suppress(DivergedError):  # so it has in the first process, which says so and ends
            getattr(trainers[order.number], order.verb)()
    return 0
