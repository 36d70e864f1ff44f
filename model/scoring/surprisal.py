"""The surprisal of a text: how many bits each of its characters costs under the model.

The text is read by `nn.LSTM` in chunks, with the state carried from one to the next, so memory use does not grow
with the length of the text.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from ..char_lstm import CharLSTM
from ..tokenizer import UnknownCharacter

Result = TypeVar("Result")
_CHUNK = 4096  # characters
_MAX_LOGITS = 1 << 26  # numbers in the logits of one chunk: a huge vocabulary gets shorter chunks


@dataclass(frozen=True)
class Score:
    """The surprisal of a text of T characters.

    Attributes:
        bits: (T,) float64, -log2 of the probability of each character given those before it; NaN for characters that
            the model does not have, which it skips.
        unknown: the characters that the model does not have.
    """

    bits: npt.NDArray[np.float64]
    unknown: list[UnknownCharacter]

    @property
    def characters(self) -> int:
        """The number of scored characters."""
        return int(np.count_nonzero(~np.isnan(self.bits)))

    @property
    def bpc(self) -> float:
        """The mean over the scored characters, in bits per character; NaN if the text has none, as the empty text."""
        return float(np.nansum(self.bits) / self.characters) if self.characters else float("nan")

    @property
    def nats(self) -> float:
        """The mean in nats per character: the cross-entropy, which training reports as loss."""
        return self.bpc * float(np.log(2))


def score(lm: CharLSTM, text: str) -> Score:
    """Returns the surprisal of each character of a text, read from a state of zeros as after a line end."""
    return result_of(score_in_slices(lm, text, _CHUNK))


def result_of(slices: Generator[None, None, Result]) -> Result:
    """Runs a generator to its end; returns its return value."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            result: Result = end.value
            return result


def score_in_slices(lm: CharLSTM, text: str, size: int) -> Generator[None, None, Score]:
    """Yields after every `size` characters and returns what `score` returns, so that a server can do other work."""
    is_known = lm.tokenizer.in_vocab(text)
    ids = torch.from_numpy(lm.tokenizer.encode(text, unknown="skip"))  # (N,), N <= T
    inputs = torch.cat([torch.tensor([lm.tokenizer.start_id]), ids[:-1]]) if len(ids) else ids
    bits = np.full(len(text), np.nan)
    parts: list[torch.Tensor] = []
    state = None
    size = max(1, min(size, _MAX_LOGITS // lm.config.vocab_size))
    for start in range(0, len(ids), size):
        chunk = slice(start, start + size)
        with torch.inference_mode():  # not around a yield: the next slice may run in another thread
            logits, state = lm.network(inputs[chunk][None].to(lm.device), state)
            parts.append(F.cross_entropy(logits[0].float(), ids[chunk].to(lm.device), reduction="none").cpu())
        yield
    if parts:
        bits[is_known] = torch.cat(parts).double().numpy() / np.log(2)
    return Score(bits, lm.tokenizer.unknown_characters(text))
