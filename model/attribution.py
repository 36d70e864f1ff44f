"""Measures how much each earlier character mattered for a character: exact occlusion.

Each of the characters before a position is left out in turn, the rest is read again, and the surprisal of the character
at the position is compared. Zeiler & Fergus 2014 (Visualizing and Understanding Convolutional Networks) did this with
parts of an image, Li, Monroe & Jurafsky 2016 (Understanding Neural Networks through Representation Erasure) with words
of a text.

All variants are read in one batch: a variant starts from the state of the whole text before its missing character, so
W characters take W batched steps of at most W - 1 slots.

Shapes: W characters of the window.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .engine.blend import LanguageModel
from .int8.sampling import surprisal
from .scoring import result_of
from .settings import Precision
from .trace import UNKNOWN, TextTrace

WINDOW = 64  # characters


@dataclass(frozen=True, kw_only=True)
class Occlusion:
    """The change of one character's surprisal without each character before it.

    Attributes:
        position: the position of the character.
        start: the position of the first character that was left out.
        bits: the surprisal of the character after the whole text; NaN without a prediction, or if the model does not
            have the character.
        changes: (W,) float64, for the characters from `start` on: how many bits more the character costs without it.
            Above 0, the earlier character made this one more likely. 0 for a character that the model does not have
            and skips; NaN where the model would read nothing, and where `bits` is NaN.
    """

    position: int
    start: int
    bits: float
    changes: npt.NDArray[np.float64]


def occlusion(
    lm: LanguageModel, text: str, position: int, window: int = WINDOW, *, precision: Precision | None = None
) -> Occlusion:
    """Returns how much each of the characters before a position mattered for the character there.

    The numbers equal those of reading each text without its character from the beginning, bit for bit: with int8 on
    any device, with float32 on a CPU.

    Args:
        lm: a model, or a `Blend`.
        text: read from a state of zeros, as after a line end.
        position: the position of the character, from 0.
        window: how many characters before it are left out, each in turn.
        precision: "int8" or "float32"; None is the default of the model, see `Engine`.

    Raises:
        IndexError: the text has no such position.
        ValueError: `window` is less than 1.
    """
    trace = TextTrace(lm, precision=precision)
    trace.set_text(text)
    return result_of(occlusion_in_slices(trace, position, window))


def occlusion_in_slices(trace: TextTrace, position: int, window: int = WINDOW) -> Generator[None, None, Occlusion]:
    """Yields after every step and returns what `occlusion` returns, so that a server can do other work in between.

    Args:
        trace: a trace of the text, which must not change meanwhile; its clamps apply to every variant.
        position, window: see `occlusion`.
    """
    if not 0 <= position < len(trace):
        raise IndexError(f"position is {position}: the text has {len(trace)} characters")
    if window < 1:
        raise ValueError(f"window is {window}: it must be at least 1")
    start = max(0, position - window)
    id_, bits = int(trace.ids[position]), next(trace.tokens(position)).bits
    read = start + np.flatnonzero(trace.ids[start:position] != UNKNOWN)  # positions; each is left out in one variant
    changes = np.full(position - start, bits - bits)  # 0, or NaN
    if np.isnan(bits) or not len(read):
        return Occlusion(position=position, start=start, bits=bits, changes=changes)
    backend, logits = trace.lm.make_backend(len(read), trace.precision), None
    for row, at in enumerate(read.tolist()):
        if row:  # the variants so far read the character here
            clamps = trace.clamps_at(at)
            step = np.arange(row), np.full(row, trace.ids[at]), [clamps] * row if clamps else ()
            if at == read[-1]:
                logits = backend.forward(*step)
            else:
                backend.prefill(*step)
        backend.load(row, trace.state_after(at - 1))  # the variant without it begins
        yield
    if logits is not None:
        changes[read[:-1] - start] = [surprisal(each, id_) - bits for each in logits]
    without_last = next(trace.tokens(int(read[-1]))).logits
    changes[read[-1] - start] = np.nan if without_last is None else surprisal(without_last, id_) - bits
    return Occlusion(position=position, start=start, bits=bits, changes=changes)
