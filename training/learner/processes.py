"""Training one model in several processes: `torchrun --nproc-per-node 2 -m training my.txt`.

Every process (a "rank") takes the same training steps, each on its own rows of the batch; torch.distributed sums the
gradients (gloo on the CPU, nccl between GPUs). Only rank 0 reads the text, evaluates, writes files, prints, and sends
requests to the Hub. The other ranks run the functions that rank 0 names with `call_other_ranks`, and wait in between.
When a process dies, the others end with `LostProcessError`.

With one process the collective functions return at once and change nothing.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from model.backends.device import best_device, distributed_backend

from ..corpus.ids_file import Ids, release
from ..os_calls import keep_freed_memory
from ..signals import Signals

# Ranks wait for hours while rank 0 reads a large text; a process that died is noticed at once in any case.
_TIMEOUT = timedelta(days=7)
FAILED = 1000  # beyond all signal numbers
_CHUNK = 64 << 20  # bytes of a text that are broadcast at once
_sent: list[Ids] = []  # the text that rank 0 broadcast last; kept so that its address stays its own


class ProcessesError(Exception):
    """Several processes cannot train this recipe; the message is one line."""


class LostProcessError(ProcessesError):
    """Another process of the run has died."""


def rank() -> int:
    """Returns the number of this process among those that train one model."""
    return int(os.environ["RANK"]) if _launched() else 0


def count() -> int:
    """Returns the number of processes that train one model."""
    return int(os.environ["WORLD_SIZE"]) if _launched() else 1


def training_device(requested: str | None) -> torch.device:
    """Returns the requested device, or the fastest one on which this number of processes can train.

    Raises:
        DeviceUnavailableError: the requested device does not exist here.
        ProcessesError: several processes were started and MPS was requested, which torch.distributed does not know.
    """
    device = best_device(requested)
    if count() > 1 and device.type == "mps":
        if requested:
            raise ProcessesError("--device mps trains in one process only: start it without torchrun")
        return torch.device("cpu")
    return device


@contextmanager
def process_group() -> Iterator[None]:
    """Joins the process group of the processes that torchrun started, inside its `with` block.

    Raises:
        LostProcessError: a process died before rank 0 was done.
    """
    if not _launched():
        yield
        return
    dist.init_process_group(distributed_backend(int(os.environ.get("LOCAL_RANK", 0))), timeout=_TIMEOUT)
    try:
        yield
        if rank() == 0:
            _broadcast_object(None)  # ends `run_calls` on the other ranks
    finally:
        dist.destroy_process_group()  # without a barrier: a process that ends by an error must not wait for others


def rows(batch: int) -> slice:
    """Returns the rows of a batch that this rank reads.

    Raises:
        ProcessesError: there are fewer rows than processes.
    """
    if batch < count():
        raise ProcessesError(f"--batch is {batch}, fewer rows than the {count()} processes: start at most {batch}")
    return slice(rank() * batch // count(), (rank() + 1) * batch // count())


def call_other_ranks(function: Callable[..., object], ids: Ids, *arguments: Any) -> None:
    """Runs `function(signals, ids, *arguments)` on every rank but 0, which then does its own part.

    Args:
        function: a function of a module, sent by its name.
        ids: (N,) the text; broadcast unless it is that of the previous call, because other machines lack its file.
        arguments: sent by pickle.
    """
    if not dist.is_initialized():
        return
    is_new = not _sent or not np.shares_memory(ids, _sent[0]) or len(ids) != len(_sent[0])
    _broadcast_object((function, (len(ids), ids.dtype.str) if is_new else None, arguments))
    if is_new:
        _sent[:] = [ids]
        for start in range(0, len(ids), _CHUNK // ids.itemsize):
            chunk = np.array(ids[start : start + _CHUNK // ids.itemsize])
            broadcast([torch.from_numpy(chunk.view(np.uint8))])
            release(ids)


def run_calls(signals: Signals) -> int:
    """Runs the functions that rank 0 calls until it is done; returns the exit code 0.

    Raises:
        LostProcessError: another process has died.
    """
    keep_freed_memory()
    signals.mode = "silent"  # after the next step rank 0 gets the signal, prints it and saves
    ids: Ids | None = None
    while (call := _broadcast_object(None)) is not None:
        function, text, arguments = call
        ids = _receive(*text) if text else ids
        function(signals, ids, *arguments)
    return 0


def broadcast(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by that of rank 0; all ranks call it."""
    if dist.is_initialized():
        with _detect_lost_process():
            for tensor in tensors:
                dist.broadcast(tensor, 0)


def decide(decision: bool) -> bool:
    """Returns rank 0's decision on every rank; all ranks call it."""
    found = torch.tensor(decision)
    broadcast([found])
    return bool(found)


def sum_over_ranks(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by its sum over all ranks, bit for bit the same on each; one message for all tensors."""
    if not dist.is_initialized():
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    with _detect_lost_process():
        dist.all_reduce(flat)
    for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


def gather_rows(states: Sequence[Tensor]) -> None:
    """Copies into each (L, B, H) tensor the rows that the other ranks read; all ranks call it."""
    if not dist.is_initialized():
        return
    for state in states:
        own = rows(state.shape[1])
        state[:, : own.start] = 0
        state[:, own.stop :] = 0
    sum_over_ranks(states)


def agree_on_stop(signals: Signals, *, failed: bool = False) -> int:
    """Returns why all ranks stop after this step: the number of a signal to any rank, `FAILED`, or 0 to continue.

    Args:
        signals: those of this rank; a signal to another rank is handled as if this rank had received it.
        failed: whether this rank cannot continue.
    """
    reason = FAILED if failed else signals.number
    if dist.is_initialized():
        found = torch.tensor(reason)
        with _detect_lost_process():
            dist.all_reduce(found, dist.ReduceOp.MAX)
        reason = int(found)
        if reason != FAILED:
            signals.receive(reason)
    return reason


def _launched() -> bool:
    """Returns whether torchrun, or a launcher with the same environment variables, started several processes."""
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    return all(name in os.environ for name in names) and os.environ["WORLD_SIZE"] != "1"


def _broadcast_object(value: Any) -> Any:
    found = [value]
    with _detect_lost_process():
        dist.broadcast_object_list(found, 0, device=torch.device("cpu"))
    return found[0]


def _receive(length: int, dtype: str) -> Ids:
    """Returns the text that rank 0 broadcasts, mapped from a temporary file: it may be larger than the memory."""
    with tempfile.TemporaryFile() as file:
        ids = np.memmap(file, np.dtype(dtype), "w+", shape=(length,))
        for start in range(0, length, _CHUNK // ids.itemsize):
            broadcast([torch.from_numpy(ids[start : start + _CHUNK // ids.itemsize].view(np.uint8))])
            release(ids)
    return ids


@contextmanager
def _detect_lost_process() -> Iterator[None]:
    """Raises LostProcessError in place of torch's RuntimeErrors about a lost connection."""
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError("another process of this run has died") from error
