"""Knowledge distillation: teachers predict the text once, before the first step, and training learns from both.

Half of the loss is on the characters of the text, half on the teachers' mean prediction (Hinton, Vinyals, Dean 2015).
Teachers need not be larger than the student (Furlanello et al. 2018), and the mean of several predicts better than each
one. Their predictions ("soft targets") stay in a file of the run folder until the run is complete.

Shapes: N characters of the text, B rows, T time, V vocabulary.
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
from ..os_calls import allocate
from .evaluation import read_in_rows

SoftTargets = npt.NDArray[np.float16]
"""(N, V): row n holds the probability of each character after the first n + 1 characters of a text."""

TEACHERS_SHARE = 0.5  # of the loss; the rest is on the text itself
_ROWS = 64  # of the text, read side by side
_CONTEXT = 512  # characters that each row reads before its own part
_MAX_CHARACTERS = 4096  # that are read at once, in all rows together


def write_soft_targets(
    teachers: Sequence[CharLSTM],
    tokenizer: CharTokenizer,
    ids: Ids,
    path: Path,
    *,
    bfloat16: bool = False,
    progress: Callable[[float], object] = float,
) -> SoftTargets:
    """Writes the mean prediction of some models for each character of a text to a file; returns it mapped.

    Args:
        teachers: models with all characters of the text in their vocabularies, in any order.
        ids: (N,) the text, in ids of `tokenizer`.
        path: the file, which is written whole or not at all.
        bfloat16: whether matrix products are computed in bfloat16.
        progress: called with the share of the text that is done, 0 to 1.
    """
    with atomic_path(path) as temporary:
        with temporary.open("wb") as file:
            allocate(file, len(ids) * len(tokenizer) * np.dtype(np.float16).itemsize)
        targets = np.memmap(temporary, np.float16, "r+", shape=(len(ids), len(tokenizer)))
        done = 0
        for positions, mean in _predict(teachers, tokenizer, ids, bfloat16):
            targets[positions] = mean
            done += len(positions)
            progress(done / len(ids))
        targets.flush()
        del targets  # Windows does not rename a mapped file
    return open_soft_targets(path, len(ids), len(tokenizer))


@torch.inference_mode()
def _predict(
    teachers: Sequence[CharLSTM], tokenizer: CharTokenizer, ids: Ids, bfloat16: bool
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Yields positions (M,) in the text, each once, and the mean probabilities after them (M, V)."""
    own = [lm.tokenizer.lookup("".join(tokenizer.vocab)) for lm in teachers]  # (V,) the teacher's id of each character
    states: list[LSTMState | None] = [None] * len(teachers)
    for chunk in read_in_rows(len(ids), _ROWS, _CONTEXT, _MAX_CHARACTERS):
        read = ids[chunk.positions]
        mean = np.zeros((*read.shape, len(tokenizer)), np.float32)
        for number, (lm, known) in enumerate(zip(teachers, own, strict=True)):
            device = lm.network.output.weight.device
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                inputs = torch.from_numpy(known[read]).to(device)
                logits, after = lm.network(inputs, chunk.state_before(states[number]))
            mean += logits[..., known].float().softmax(-1).cpu().numpy() / len(teachers)
            states[number] = LSTMState(after.h.float(), after.c.float())
        if chunk.counted.any():
            yield chunk.positions[chunk.counted], mean[chunk.counted]


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            sha256.update(piece)
    return sha256.hexdigest()


def mix_targets(soft_targets: SoftTargets, targets: torch.Tensor) -> torch.Tensor:
    """Returns the target distributions of the loss, (B, T, V) float32: half the text's characters, half soft targets.

    Args:
        soft_targets: (B, T, V) float16.
        targets: (B, T) int64, the characters.
    """
    mixed = TEACHERS_SHARE * torch.from_numpy(soft_targets).to(targets.device).float()
    text = torch.full(targets.shape, 1 - TEACHERS_SHARE, device=targets.device)
    return mixed.scatter_add_(2, targets[..., None], text[..., None])


def open_soft_targets(path: Path, characters: int, vocab_size: int) -> SoftTargets:
    """Returns the soft targets in a file, mapped."""
    return np.memmap(path, np.float16, "r", shape=(characters, vocab_size))
