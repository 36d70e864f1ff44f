"""The steps of a run that several processes share: rank 0 leads, the others follow.

`SharedSteps` takes the steps on rank 0, and tells the others before each one what to do; `follow` does it on them.
"""

from __future__ import annotations

import torch

from ..os_calls import keep_freed_memory
from ..signals import Signals
from . import processes
from .trainer import DivergedError, Trainer

_END, _STEP, _GATHER = range(3)


class SharedSteps:
    """The steps of a trainer, which all processes of the run take; with one process, those of the trainer alone.

    Leaving its `with` block ends the other processes.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, self._is_shared = trainer, processes.count() > 1
        if self._is_shared:
            paragraphs, config = trainer.windows.paragraphs, trainer.network.config
            processes.broadcast_object((trainer.recipe, config.vocab_size, trainer.device.type, paragraphs))
            processes.broadcast_ids(trainer.windows.ids)
            trainer.copy_from_rank_0()

    def step(self, rate: float, signals: Signals) -> float:
        """Takes a step; returns the loss. A signal to another process counts as SIGTERM to this one."""
        self._tell(_STEP, rate)
        try:
            loss = self._trainer.step(rate, stop=bool(signals.number))
        except DivergedError:  # the loss is the sum over all processes, so all of them end
            self._is_shared = False
            raise
        if self._trainer.is_stopped:
            signals.receive_from_other_process()
        return loss

    def gather_state(self) -> None:
        """Makes the trainer's `state_tensors` complete, for a checkpoint."""
        if self._is_shared:
            self._tell(_GATHER)
            self._trainer.gather_state()

    def _tell(self, action: int, rate: float = 0.0) -> None:
        if self._is_shared:
            processes.broadcast([torch.tensor([action, rate], dtype=torch.float64)])

    def __enter__(self) -> SharedSteps:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, processes.LostProcessError):
            self._tell(_END)


def follow(signals: Signals) -> int:
    """Takes the steps that rank 0 tells this process to take; returns the exit code.

    Raises:
        LostProcessError: another process has died, or rank 0 has ended before its first step.
    """
    keep_freed_memory()
    signals.mode = "silent"  # rank 0 prints it and saves
    recipe, vocab_size, device, paragraphs = processes.broadcast_object(None)
    ids = processes.broadcast_ids(None)
    trainer = Trainer(recipe, vocab_size, ids, torch.device(device), paragraphs=paragraphs, is_shared=True)
    trainer.copy_from_rank_0()
    told = torch.zeros(2, dtype=torch.float64)
    while True:
        processes.broadcast([told])
        action, rate = told.tolist()
        if action == _GATHER:
            trainer.gather_state()
        elif action == _END:
            return 0
        else:
            try:
                trainer.step(rate, stop=bool(signals.number))
            except DivergedError:  # rank 0 prints it
                return 0
