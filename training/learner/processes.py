"""Several processes train one model: ``torchrun --nproc-per-node 2 -m training …``.

The first process leads, and everything outside of ``trainer`` happens in it alone, as if there were no others. These
follow: whatever the first one's trainers are asked to do is done by a trainer in each of them, with rows of the batch
of its own. All that passes between them is here, by torch.distributed (gloo, and nccl between GPUs). A process that
has gone ends the others.

With one process each of these verbs does nothing.
"""

from __future__ import annotations

import functools
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar
from weakref import WeakValueDictionary

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from ..corpus.ids_file import Ids, release
from ..signals import Signals

P = ParamSpec("P")
R = TypeVar("R")
_END, _NEW = "end", "new"
_ORDERS = (_END, _NEW, "step", "state_tensors", "take_up")  # all that a follower may be told; the last are methods
_PATIENCE = timedelta(days=7)  # followers wait while the first one looks; who is gone is noticed at once in any case
_CHUNK = 64 << 20  # bytes of a text sent at once


class ParallelError(Exception):
    """What several processes cannot do together, in one line."""


class LostError(ParallelError):
    """Another process of the run is gone."""


@dataclass(frozen=True)
class Order:
    """What the first process has begun to do, and the others are to do as well.

    Attributes:
        verb: "new", or a method of a trainer.
        number: of the trainer.
        recipe, vocab_size, ids: what to make a new one of.
        alive: the numbers of those that the first process still has.
    """

    verb: str
    number: int
    recipe: dict[str, Any] | None = None
    vocab_size: int = 0
    ids: Ids | None = None
    alive: tuple[int, ...] = ()


def rank() -> int:
    """The number of this process among those that train one model; 0 leads."""
    return int(os.environ["RANK"]) if _launched() else 0


def count() -> int:
    """How many processes train one model."""
    return int(os.environ["WORLD_SIZE"]) if _launched() else 1


@contextmanager
def together(signals: Signals) -> Iterator[None]:
    """Joins the other processes, if there are any, for as long as it is entered.

    Raises:
        LostError: one of them was gone before the end.
    """
    if not _launched():
        yield
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, timeout=_PATIENCE)
    _team.signals = signals
    try:
        yield
        if rank() == 0:
            _exchange(_ORDERS.index(_END))
    finally:
        # Not waited for: it would hold up a process that leaves because another one is gone.
        dist.destroy_process_group()


def rows(batch: int) -> slice:
    """Which rows of a batch are this process's.

    Raises:
        ParallelError: there are fewer rows than processes.
    """
    if batch < count():
        raise ParallelError(f"a batch of {batch} cannot be shared by {count()} processes: start {batch} at most")
    return slice(rank() * batch // count(), (rank() + 1) * batch // count())


def add_up(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by its sum over all processes, the same to the last bit in each."""
    if not dist.is_initialized():
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])  # one message, whatever they are
    with _peers():
        dist.all_reduce(flat)
    for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


def whole(part: Tensor, batch: int) -> Tensor:
    """(L, B, H) of all processes, from the rows (L, b, H) of each."""
    if not dist.is_initialized():
        return part
    made = torch.zeros(part.shape[0], batch, part.shape[2], dtype=part.dtype, device=part.device)
    made[:, rows(batch)] = part
    with _peers():
        dist.all_reduce(made)
    return made


def shared_out(work: Callable[[Tensor], Tensor], stack: Tensor) -> Tensor:
    """``work(stack)`` for work that treats each member of a stack (G, …) by itself: each process does some of them.

    It pays where the work is more than sending its result.
    """
    if not dist.is_initialized():
        return work(stack)
    mine = slice(rank() * len(stack) // count(), (rank() + 1) * len(stack) // count())
    done = torch.zeros_like(stack)
    if mine.start < mine.stop:
        done[mine] = work(stack[mine])
    with _peers():
        dist.all_reduce(done)  # zeros are added only, so this is exact
    return done


def as_the_first(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by the first process's."""
    if dist.is_initialized():
        with _peers():
            for tensor in tensors:
                dist.broadcast(tensor, 0)


def by_all(method: Callable[P, R]) -> Callable[P, R]:
    """Makes a method of trainers one that the followers' trainers do, too, whenever the first one's does."""
    order = _ORDERS.index(method.__name__)

    @functools.wraps(method)
    def called(*arguments: P.args, **options: P.kwargs) -> R:
        if dist.is_initialized() and rank() == 0:
            _exchange(order, next(number for number, each in _team.trainers.items() if each is arguments[0]))
        return method(*arguments, **options)

    return called


def made(trainer: object, recipe: dict[str, Any], vocab_size: int, ids: Ids) -> None:
    """Tells the followers of a new trainer of the first process, so that each makes one of its own."""
    if not dist.is_initialized() or rank() > 0:
        return
    _team.made += 1
    _team.trainers[_team.made] = trainer
    sends = _team.text is None or not _is_same(_team.text, ids)
    _exchange(_ORDERS.index(_NEW), _team.made)
    about = {"alive": [*_team.trainers], "recipe": recipe, "vocab_size": vocab_size}
    _tell({**about, "text": [len(ids), ids.dtype.str] if sends else None})
    if sends:
        _team.text = ids
        for start in range(0, len(ids), _CHUNK // ids.itemsize):
            part = np.array(ids[start : start + _CHUNK // ids.itemsize])
            as_the_first([torch.from_numpy(part.view(np.uint8))])
            release(ids)


def orders() -> Iterator[Order]:
    """What a follower is to do, until the first process has done all.

    Raises:
        LostError: a process is gone.
    """
    while True:
        code, number = _exchange(_team.signals.number if _team.signals else 0)[0].tolist()
        verb = _ORDERS[code]
        if verb == _END:
            return
        yield _new(number) if verb == _NEW else Order(verb, number)


class _Team:
    """What a process remembers of the others."""

    def __init__(self) -> None:
        self.signals: Signals | None = None
        self.made = 0
        self.trainers: WeakValueDictionary[int, Any] = WeakValueDictionary()  # the first process's own
        self.text: Ids | None = None  # the last one that was sent, or came


_team = _Team()


def _launched() -> bool:
    """Whether torchrun, or another launcher that speaks as it does, has started several of this process."""
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    return all(name in os.environ for name in names) and os.environ["WORLD_SIZE"] != "1"


def _exchange(*numbers: int) -> Tensor:
    """(processes, 2): the first one's order, and which signal came to each of the others."""
    found = torch.zeros(count(), 2, dtype=torch.int64)
    found[rank(), : len(numbers)] = torch.tensor(numbers)
    with _peers():
        dist.all_reduce(found)
    if rank() == 0 and _team.signals is not None:
        _team.signals.pass_on(int(found[1:, 0].max()))
    return found


def _tell(about: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object of the first process, to all."""
    data = torch.frombuffer(bytearray(json.dumps(about).encode()), dtype=torch.uint8)
    size = torch.tensor(len(data))
    as_the_first([size])
    data = data if rank() == 0 else torch.empty(int(size), dtype=torch.uint8)
    as_the_first([data])
    told: dict[str, Any] = json.loads(data.numpy().tobytes())
    return told


def _new(number: int) -> Order:
    about = _tell()
    if about["text"]:
        _team.text = _received(*about["text"])
    return Order(_NEW, number, about["recipe"], about["vocab_size"], _team.text, tuple(about["alive"]))


def _received(length: int, dtype: str) -> Ids:
    """The text as it comes, mapped from a file without a name: it may be larger than the memory."""
    with tempfile.TemporaryFile() as file:
        ids = np.memmap(file, np.dtype(dtype), "w+", shape=(length,))
        for start in range(0, length, _CHUNK // ids.itemsize):
            part = ids[start : start + _CHUNK // ids.itemsize]
            as_the_first([torch.from_numpy(part.view(np.uint8))])
            release(ids)
    return ids


def _is_same(one: Ids, other: Ids) -> bool:
    """Whether two arrays are the same piece of memory; both are alive."""
    a, b = one.__array_interface__, other.__array_interface__
    return all(a[name] == b[name] for name in ("data", "shape", "typestr", "strides"))


@contextmanager
def _peers() -> Iterator[None]:
    """Makes torch's many words for a peer that is gone into one."""
    try:
        yield
    except RuntimeError as error:
        raise LostError("another process of this run has ended") from error
