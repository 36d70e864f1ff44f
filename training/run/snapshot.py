"""A copy of a run after one step, from which a checkpoint is written while training continues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from model.checkpoint.format import Checkpoint
from model.checkpoint.names import METRICS
from model.checkpoint.samples import Sample
from model.checkpoint.write import write_checkpoint
from model.files import atomic_write, json_lines

from .facts import Evaluation, RunState
from .state_files import write_state


@dataclass(frozen=True, kw_only=True)
class RunSnapshot:
    """The content of one checkpoint folder. Later steps do not change it.

    Attributes:
        step: training steps done.
        val_loss: the validation loss, in nats per character; infinite when this step was not evaluated.
        complete: whether this was the last step of the run.
        checkpoint: the model: weights, vocabulary, config.
        metrics: the evaluations up to this step.
        samples: the samples up to this step.
        state: what state.json will hold.
        tensors: weights, averaged weights, optimizers, LSTM state: what resuming needs in addition to `state`.
    """

    step: int
    val_loss: float
    complete: bool
    checkpoint: Checkpoint
    metrics: Sequence[Evaluation]
    samples: Sequence[Sample]
    state: RunState
    tensors: Mapping[str, Tensor]

    def write(self, folder: Path, *, with_state: bool = True) -> None:
        """Writes a checkpoint into an empty folder; without training_state/ it is about a tenth as large.

        Raises:
            CheckpointError: the weights are not finite.
            OSError: the disk is full or not writable.
        """
        write_checkpoint(folder, self.checkpoint, dtype="bfloat16")
        atomic_write(folder / METRICS, json_lines(self.metrics))
        if with_state:
            write_state(folder, self.state, self.tensors)


def copy_to_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns copies of tensors, on the CPU."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
