"""Training one model in several processes: `torchrun --nproc-per-node 2 -m training my.txt`.

Every process (a "rank") takes the same training steps, each on its own rows of the batch; torch.distributed sums the
gradients (gloo on the CPU, nccl between GPUs). Rank 0 reads the text, evaluates, writes files, prints, and sends
requests to the Hub; `trainer.follow` is what the others do. When a process dies, the others end with
`LostProcessError`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from model.backends.device import best_device, distributed_backend
from model.settings import UsageError

# Ranks wait for hours while rank 0 reads a large text; a process that died is noticed at once in any case.
_TIMEOUT = timedelta(days=7)


class LostProcessError(Exception):
    """Another process of the run has died."""


def rank() -> int:
    """Returns the number of this process among those that train one model."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def count() -> int:
    """Returns the number of processes that train one model, from the environment variables that torchrun sets."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def training_device(requested: str | None) -> torch.device:
    """Returns the requested device, or the fastest one on which this number of processes can train.

    On a GPU, steps are repeated bit for bit only with PyTorch's deterministic algorithms, which are slower. They are
    used if the environment variable CUBLAS_WORKSPACE_CONFIG is set, which they need.

    Raises:
        UsageError: the requested device does not exist here, or is MPS, which torch.distributed does not know, and
            several processes were started.
    """
    device = best_device(requested)
    if count() > 1 and device.type == "mps":
        if requested:
            raise UsageError("--device mps trains in one process only: start it without torchrun")
        return torch.device("cpu")
    if device.type == "cuda" and os.environ.get("CUBLAS_WORKSPACE_CONFIG"):
        torch.use_deterministic_algorithms(True)
    return device


@contextmanager
def process_group() -> Iterator[None]:
    """Joins the process group of the processes that torchrun started, inside its `with` block."""
    if count() == 1:
        yield
        return
    dist.init_process_group(distributed_backend(int(os.environ.get("LOCAL_RANK", 0))), timeout=_TIMEOUT)
    try:
        yield
    finally:
        dist.destroy_process_group()  # without a barrier: a process that ends by an error must not wait for others


def rows(batch: int) -> slice:
    """Returns the rows of a batch that this rank reads.

    Raises:
        UsageError: there are fewer rows than processes.
    """
    if batch < count():
        raise UsageError(f"batch is {batch}, fewer rows than the {count()} processes: start at most {batch}")
    return slice(rank() * batch // count(), (rank() + 1) * batch // count())


def broadcast(value: Any = None) -> Any:
    """Returns the value of rank 0, which is sent by pickle; all ranks call it."""
    found = [value]
    with _detect_lost_process():
        dist.broadcast_object_list(found, 0, device=torch.device("cpu"))
    return found[0]


def sum_over_ranks(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by its sum over all ranks, bit for bit the same on each; one message for all tensors."""
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    with _detect_lost_process():
        dist.all_reduce(flat)
    for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


@contextmanager
def _detect_lost_process() -> Iterator[None]:
    """Raises LostProcessError in place of torch's RuntimeErrors about a lost connection."""
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError("another process of this run has died") from error
