"""A run as it is after one step: all that a checkpoint is made of, apart from what goes on being trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from model.checkpoint.format import Checkpoint
from model.checkpoint.names import METRICS, SAMPLES
from model.checkpoint.write import write_checkpoint
from model.files import atomic_write

from .run_folder import metrics_bytes, write_state


@dataclass(frozen=True)
class Snapshot:
    """What is kept of one step; nothing in it changes when the next is taken.

    Attributes:
        step: how many were taken.
        val_loss: what was measured there; infinite when nothing was.
        last: whether the run is complete with it.
        checkpoint: what is served.
        metrics, samples: all lines up to here.
        state, tensors: what resuming needs.
    """

    step: int
    val_loss: float
    last: bool
    checkpoint: Checkpoint
    metrics: Sequence[Mapping[str, Any]]
    samples: Sequence[Mapping[str, Any]]
    state: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def write(self, folder: Path) -> None:
        """Fills the folder.

        Raises:
            CheckpointError: the weights are not finite.
            OSError: the disk does not take it.
        """
        write_checkpoint(folder, self.checkpoint, dtype="bfloat16")
        atomic_write(folder / METRICS, metrics_bytes(self.metrics))
        atomic_write(folder / SAMPLES, metrics_bytes(self.samples))
        write_state(folder, self.state, self.tensors)


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors with memory of their own, on the CPU."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
