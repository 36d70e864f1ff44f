"""Learning from models as well as from the text: what they expect after each character, beside the one that comes.

Knowledge distillation (Hinton, Vinyals, Dean 2015). Teachers need not be larger than who learns (Furlanello et al.
2018), and several together expect better than each of them. They read the text once, before the first step; what they
expect lies in a file in the run's folder until its end. Knows models and files; knows no trainer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from model import CharLSTM, CharTokenizer, LSTMState
from model.files import atomic_path

from ..corpus.ids_file import Ids
from ..system import allocate

Expected = npt.NDArray[np.float16]
"""(N, V): row n is how likely each character is after the first n + 1 of a text."""

SHARE = 0.5  # of what is learned that teachers say; the other half the text says
_ROWS = 64  # of the text are read side by side,
_CONTEXT = 512  # each from so many characters before its own part on,
_CHUNK = 64  # so many at once


def unknown_to(teacher: CharLSTM, tokenizer: CharTokenizer) -> list[str]:
    """The characters of a text that a model has never seen, so that it cannot teach them."""
    return [char for char in tokenizer.vocab if char not in teacher.tokenizer]


def bytes_needed(characters: int, vocab_size: int) -> int:
    """What a text's expectations take on disk."""
    return characters * vocab_size * np.dtype(np.float16).itemsize


def ask(
    teachers: Sequence[CharLSTM],
    tokenizer: CharTokenizer,
    ids: Ids,
    path: Path,
    *,
    bfloat16: bool = False,
    progress: Callable[[float], object] = float,
) -> Expected:
    """What some models expect of a text, on average.

    Args:
        teachers: models that know all of its characters, in whatever order.
        tokenizer: of the ids.
        ids: (N,) the text.
        path: where it is kept; whole, or not at all.
        bfloat16: whether products are computed in bfloat16.
        progress: is told the share that is done.

    Returns:
        (N, V), mapped from the file.

    Raises:
        OSError: the disk is full, or not to be written to.
    """
    needed = bytes_needed(len(ids), len(tokenizer))
    with atomic_path(path) as beside:
        with beside.open("wb") as file:
            allocate(file, needed)
        expected = np.memmap(beside, np.float16, "r+", shape=(len(ids), len(tokenizer)))
        done = 0
        for places, mean in _read(teachers, tokenizer, ids, bfloat16):
            expected[places] = mean
            done += len(places)
            progress(done / len(ids))
        expected.flush()
    return expected


@torch.inference_mode()
def _read(
    teachers: Sequence[CharLSTM], tokenizer: CharTokenizer, ids: Ids, bfloat16: bool
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Places (M,) of the text, each once, and what is expected after them (M, V)."""
    own = [lm.tokenizer.lookup("".join(tokenizer.vocab)) for lm in teachers]  # what their ids are to each teacher
    rows = max(1, min(_ROWS, len(ids) // _CONTEXT))
    size, warm = -(-len(ids) // rows), _CONTEXT if rows > 1 else 0
    states: list[LSTMState | None] = [None] * len(teachers)
    for start in range(-warm, size, _CHUNK):
        places = np.arange(rows)[:, None] * size + np.arange(start, min(start + _CHUNK, size))  # (B, T)
        read = ids[np.clip(places, 0, len(ids) - 1)]
        mean = np.zeros((*places.shape, len(tokenizer)), np.float32)
        for number, (lm, known) in enumerate(zip(teachers, own, strict=True)):
            state = states[number]
            if state is not None and start == 0:  # the first row has nothing before it
                state.h[:, 0], state.c[:, 0] = 0, 0
            device = lm.network.output.weight.device
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                logits, after = lm.network(torch.from_numpy(known[read]).to(device), state)
            mean += logits[..., known].float().softmax(-1).cpu().numpy() / len(teachers)
            states[number] = LSTMState(after.h.float(), after.c.float())
        if start >= 0:
            here = places < len(ids)
            yield places[here], mean[here]


def find(path: Path, characters: int, vocab_size: int, sha256: str) -> Expected | None:
    """What was kept in a file; None if it is gone, or is not what it was."""
    if not path.is_file() or path.stat().st_size != bytes_needed(characters, vocab_size):
        return None
    if digest(path) != sha256:
        return None
    return np.memmap(path, np.float16, "r", shape=(characters, vocab_size))


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def mixed(expected: Expected, targets: torch.Tensor) -> torch.Tensor:
    """What is to be learned: half of it the characters that come, half what the teachers say.

    Args:
        expected: (B, T, V).
        targets: (B, T) int64.

    Returns:
        (B, T, V) float32, each row of it a distribution.
    """
    wanted = SHARE * torch.from_numpy(expected).to(targets.device).float()
    text = torch.full(targets.shape, 1 - SHARE, device=targets.device)
    return wanted.scatter_add_(2, targets[..., None], text[..., None])
