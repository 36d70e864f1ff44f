"""The surprisal of a text: how many bits each of its characters costs under the model; dynamic evaluation.

The text is read by `nn.LSTM` in chunks, with the state carried from one to the next, so memory use does not grow
with the length of the text.

Dynamic evaluation is a model that continues to learn while it reads a text, after Krause et al. 2018. It predicts a
window of the text, then takes one step of gradient descent on that window, so each character is predicted by weights
that have learned only from earlier windows. After each step the weights decay towards the trained ones. The gradients
are floating-point sums, which differ between machines, so results on two machines may differ.

Shapes: N characters of the text, T of a part or a window.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .char_lstm import CharLSTM
from .lstm import LSTMState
from .tokenizer import UnknownCharacter

Result = TypeVar("Result")
_CHUNK = 4096  # characters
_MAX_LOGITS = 1 << 26  # numbers in the logits of one chunk: a huge vocabulary gets shorter chunks
_WINDOW = 32  # T, the characters that are predicted before each step
_RATE = 0.3  # the learning rate of gradient descent
_DECAY = 0.003  # the share of the difference to the trained weights that is undone after each step
_CLIP = 1.0  # the maximum norm of the gradient


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
    scorer, parts = Scorer(lm), [np.zeros(0)]
    size = max(1, min(size, _MAX_LOGITS // lm.config.vocab_size))
    for start in range(0, len(text), size):
        parts.append(scorer.read(text[start : start + size]).bits)
        yield
    return Score(np.concatenate(parts), lm.tokenizer.unknown_characters(text))


class Predictions(NamedTuple):
    """What a model predicts at each of T characters."""

    bits: npt.NDArray[np.float64]  # (T,) float64, see `Score`
    # For each character, the most likely characters with the natural logarithms of their probabilities, the most likely
    # first; empty for characters that the model does not have
    top: list[list[tuple[str, float]]]


class Scorer:
    """Scores a text that arrives in parts.

    Args:
        top: how many of the most likely characters are returned at each position.
    """

    def __init__(self, lm: CharLSTM, top: int = 0) -> None:
        self._lm = lm
        self._top = min(top, lm.config.vocab_size)
        self._last_id = lm.tokenizer.start_id
        self._state: LSTMState | None = None

    def read(self, text: str) -> Predictions:
        """Returns the predictions at the next characters of the text."""
        tokenizer = self._lm.tokenizer
        known = np.flatnonzero(tokenizer.in_vocab(text))
        bits = np.full(len(text), np.nan)
        top: list[list[tuple[str, float]]] = [[] for _ in text]
        ids = torch.from_numpy(tokenizer.encode(text, unknown="skip"))  # (N,), N <= T
        if not len(ids):
            return Predictions(bits, top)
        inputs = torch.cat([torch.tensor([self._last_id]), ids[:-1]])
        self._last_id = int(ids[-1])
        with torch.inference_mode():
            logits, self._state = self._lm.network(inputs[None].to(self._lm.device), self._state)
            logprobs = F.log_softmax(logits[0].float(), -1)
            of_text = logprobs.gather(1, ids[:, None].to(self._lm.device))[:, 0]
            bits[known] = -of_text.cpu().double().numpy() / np.log(2)
            if self._top:
                values, tops = logprobs.topk(self._top)
                for at, row, best in zip(known, values.tolist(), tops.tolist(), strict=True):
                    top[at] = [(tokenizer.vocab[id_], value) for id_, value in zip(best, row, strict=True)]
        return Predictions(bits, top)


def score_adapting(lm: CharLSTM, text: str) -> Score:
    """Returns the surprisal of each character of a text for a copy of the model that learns while it reads."""
    bits = np.full(len(text), np.nan)
    bits[lm.tokenizer.in_vocab(text)] = _read(lm, text)[1] / math.log(2)
    return Score(bits, lm.tokenizer.unknown_characters(text))


def adapted(lm: CharLSTM, text: str) -> CharLSTM:
    """Returns a copy of a model that has learned from a text; characters that the model does not have are skipped."""
    return _read(lm, text)[0]


def _read(lm: CharLSTM, text: str) -> tuple[CharLSTM, npt.NDArray[np.float64]]:
    """Returns the model after the text, and the loss in nats of each character that it has, (N,)."""
    network = copy.deepcopy(lm.network).float().requires_grad_(True)
    parameters: list[Tensor] = list(network.parameters())
    trained = [parameter.detach().clone() for parameter in parameters]
    ids = torch.from_numpy(lm.tokenizer.encode(text, unknown="skip")).to(lm.device)
    inputs = torch.cat([torch.tensor([lm.tokenizer.start_id], device=lm.device), ids])[:-1]
    losses: list[Tensor] = []
    state: LSTMState | None = None
    for start in range(0, len(ids), _WINDOW):
        with torch.enable_grad():
            logits, after = network(inputs[None, start : start + _WINDOW], state)
            loss = F.cross_entropy(logits[0], ids[start : start + _WINDOW], reduction="none")
            loss.mean().backward()  # type: ignore[no-untyped-call]
        state = LSTMState(after.h.detach(), after.c.detach())
        losses.append(loss.detach())
        nn.utils.clip_grad_norm_(parameters, _CLIP)
        with torch.no_grad():
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            torch._foreach_add_(parameters, gradients, alpha=-_RATE)
            torch._foreach_lerp_(parameters, trained, _DECAY)
        network.zero_grad(set_to_none=True)
    found = CharLSTM(network.eval().requires_grad_(False), lm.tokenizer, lm.training, name=lm.name, chat=lm.chat)
    return found, torch.cat(losses).double().cpu().numpy() if losses else np.zeros(0)
