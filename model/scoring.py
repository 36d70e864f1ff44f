"""How surprised the model is by a given text: the bits of each character.

The whole text is read by ``nn.LSTM`` in pieces, the state carried from one to the next, so that memory stays
bounded however long the text is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from .char_lstm import CharLSTM
from .tokenizer import UnknownCharacter

_CHUNK = 4096  # characters read at once
_LOGITS = 1 << 26  # numbers at most that a chunk's predictions may take: fewer characters where the vocabulary is huge


@dataclass(frozen=True)
class Score:
    """What a text costs.

    Attributes:
        bits: (T,) float64, -log2 of the probability of each character given those before it; NaN where the
            model does not know the character, which is then skipped.
        unknown: the characters it does not know.
    """

    bits: npt.NDArray[np.float64]
    unknown: list[UnknownCharacter]

    @property
    def characters(self) -> int:
        """How many characters were scored."""
        return int(np.count_nonzero(~np.isnan(self.bits)))

    @property
    def bpc(self) -> float:
        """Bits a character, over those that were scored; NaN if there are none."""
        return float(np.nansum(self.bits) / self.characters) if self.characters else float("nan")

    @property
    def nats(self) -> float:
        """Natural-log cross-entropy a character: the loss that training reports."""
        return self.bpc * float(np.log(2))


def score(lm: CharLSTM, text: str) -> Score:
    """Scores a text from a memory of zeros, its first character as after a line end.

    Args:
        lm: the model.
        text: any text; the characters that the model does not know are skipped and listed.
    """
    known = lm.tokenizer.in_vocab(text)
    ids = torch.from_numpy(lm.tokenizer.encode(text, unknown="skip"))
    inputs = torch.cat([torch.tensor([lm.tokenizer.start_id]), ids[:-1]]) if len(ids) else ids
    bits = np.full(len(text), np.nan)
    parts: list[torch.Tensor] = []
    state = None
    size = max(1, min(_CHUNK, _LOGITS // lm.config.vocab_size))
    with torch.inference_mode():
        for start in range(0, len(ids), size):
            chunk = slice(start, start + size)
            logits, state = lm.network(inputs[chunk][None].to(lm.device), state)
            parts.append(F.cross_entropy(logits[0].float(), ids[chunk].to(lm.device), reduction="none").cpu())
    if parts:
        bits[known] = torch.cat(parts).double().numpy() / np.log(2)
    return Score(bits, lm.tokenizer.unknown_characters(text))
