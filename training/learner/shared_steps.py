"""The steps of a run that several processes share: each takes all of them, on its own rows of the batch.

Before each step rank 0 sends the others the learning rate, or that the carried state is needed, or that the run ends.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from ..os_calls import keep_freed_memory
from ..signals import Signals
from . import processes
from .trainer import DivergedError, Trainer

_END, _GATHER = -1.0, -2.0  # in place of a rate


class SharedSteps:
    """The steps of a trainer on rank 0, or of the only process; leaving its `with` block ends the other processes."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, self._is_shared = trainer, processes.count() > 1
        if self._is_shared:
            tensors = {name: tensor.cpu() for name, tensor in trainer.state_tensors().items()}
            windows, vocab_size = trainer.windows, trainer.network.config.vocab_size
            processes.broadcast((trainer.recipe, vocab_size, trainer.device.type, windows.paragraphs, tensors))
            processes.broadcast(np.array(windows.ids))  # not the file, which other machines lack

    def step(self, rate: float, signals: Signals) -> float:
        """Takes a step; returns the loss. A signal to another process counts as SIGTERM to this one."""
        self._send(rate)
        loss = self._trainer.step(rate, stop=bool(signals.number))
        if self._trainer.is_stopped:
            signals.receive_from_other_process()
        return loss

    def gather_state(self) -> None:
        """Makes the trainer's `state_tensors` complete, for a checkpoint."""
        if self._is_shared:
            self._send(_GATHER)
            self._trainer.gather_state()

    def _send(self, number: float) -> None:
        if self._is_shared:
            processes.broadcast(number)

    def __enter__(self) -> SharedSteps:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        # After another error the processes may be in the middle of a step; they notice that this one has ended.
        if error is None or isinstance(error, DivergedError):
            self._send(_END)


def follow(signals: Signals) -> int:
    """Takes the steps of rank 0 in another process; returns the exit code.

    Raises:
        LostProcessError: another process has died, or rank 0 has ended before its first step.
    """
    keep_freed_memory()
    signals.mode = "silent"  # rank 0 prints it and saves
    recipe, vocab_size, device, paragraphs, tensors = processes.broadcast()
    trainer = Trainer(recipe, vocab_size, processes.broadcast(), device, paragraphs=paragraphs, is_shared=True)
    trainer.load_state_tensors(tensors)
    while (rate := processes.broadcast()) != _END:
        if rate == _GATHER:
            trainer.gather_state()
        else:
            with suppress(DivergedError):  # the loss is that of all processes: rank 0 prints the error and ends the run
                trainer.step(rate, stop=bool(signals.number))
    return 0
