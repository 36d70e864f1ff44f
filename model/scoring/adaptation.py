"""Dynamic evaluation: a model that continues to learn while it reads a text, after Krause et al. 2018.

It predicts a window of the text, then takes one step of gradient descent on that window, so each character is predicted
by weights that have learned only from earlier windows. After each step the weights decay towards the trained ones. The
gradients are floating-point sums, which differ between machines, so results on two machines may differ.

Shapes: N characters of the text, T of a window.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..char_lstm import CharLSTM
from ..lstm import LSTMNetwork, LSTMState
from .surprisal import Score


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """The settings of dynamic evaluation.

    Attributes:
        window: T, the characters that are predicted before each step.
        rate: the learning rate of gradient descent.
        decay: the share of the difference to the trained weights that is undone after each step.
        clip: the maximum norm of the gradient.
    """

    window: int = 32
    rate: float = 0.3
    decay: float = 0.003
    clip: float = 1.0


def score_adapting(lm: CharLSTM, text: str, adaptation: Adaptation | None = None) -> Score:
    """Returns the surprisal of each character of a text for a copy of the model that learns while it reads."""
    is_known, losses = lm.tokenizer.in_vocab(text), _read(lm, text, adaptation)[1]
    bits = np.full(len(text), np.nan)
    bits[is_known] = losses / math.log(2)
    return Score(bits, lm.tokenizer.unknown_characters(text))


def adapted(lm: CharLSTM, text: str, adaptation: Adaptation | None = None) -> CharLSTM:
    """Returns a copy of a model that has learned from a text; characters that the model does not have are skipped."""
    return _read(lm, text, adaptation)[0]


def _read(lm: CharLSTM, text: str, adaptation: Adaptation | None) -> tuple[CharLSTM, npt.NDArray[np.float64]]:
    """Returns the model after the text, and the loss in nats of each character that it has, (N,)."""
    adaptation = adaptation or Adaptation()
    ids = torch.from_numpy(lm.tokenizer.encode(text, unknown="skip")).to(lm.device)
    learner = _Learner(lm.network, adaptation)
    inputs = torch.cat([torch.tensor([lm.tokenizer.start_id], device=lm.device), ids[:-1]]) if len(ids) else ids
    parts = [
        learner.read(inputs[start : start + adaptation.window], ids[start : start + adaptation.window])
        for start in range(0, len(ids), adaptation.window)
    ]
    losses = torch.cat(parts).double().cpu().numpy() if parts else np.zeros(0)
    found = CharLSTM(
        learner.network.eval().requires_grad_(False), lm.tokenizer, lm.training, name=lm.name, chat=lm.chat
    )
    return found, losses


class _Learner:
    """A copy of a network, with its state and its trained weights."""

    def __init__(self, network: LSTMNetwork, adaptation: Adaptation) -> None:
        self.network = copy.deepcopy(network).float().requires_grad_(True)
        self._adaptation = adaptation
        self._parameters: list[Tensor] = list(self.network.parameters())
        self._trained = [parameter.detach().clone() for parameter in self._parameters]
        self._state: LSTMState | None = None

    def read(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Returns the losses of the targets (T,) in nats, then takes the step that learns from them."""
        with torch.enable_grad():
            logits, state = self.network(inputs[None], self._state)
            losses = F.cross_entropy(logits[0], targets, reduction="none")
            losses.mean().backward()  # type: ignore[no-untyped-call]
        self._state = state.detach()
        nn.utils.clip_grad_norm_(self._parameters, self._adaptation.clip)
        with torch.no_grad():
            gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
            torch._foreach_add_(self._parameters, gradients, alpha=-self._adaptation.rate)
            torch._foreach_lerp_(self._parameters, self._trained, self._adaptation.decay)
        self.network.zero_grad(set_to_none=True)
        return losses.detach()
