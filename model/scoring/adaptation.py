"""Dynamic evaluation: a model that continues to learn while it reads a text, after Krause et al. 2018.

It predicts a window of the text, then takes one step of gradient descent on that window, so each character is predicted
by weights that have learned only from earlier windows. After each step the weights decay towards the trained ones. The
gradients are floating-point sums, which differ between machines, so results on two machines may differ.

Shapes: N characters of the text, T of a window.
"""

from __future__ import annotations

import copy
import math

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..char_lstm import CharLSTM
from ..lstm import LSTMState
from .surprisal import Score

_WINDOW = 32  # T, the characters that are predicted before each step
_RATE = 0.3  # the learning rate of gradient descent
_DECAY = 0.003  # the share of the difference to the trained weights that is undone after each step
_CLIP = 1.0  # the maximum norm of the gradient


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
