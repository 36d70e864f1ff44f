"""How a fresh network begins: it expects each character as often as the text has it, and nothing more.

The output's weights are zero, so that the first steps learn from what the LSTM holds and need not undo chance (Yang
and Hu 2021, whose output layers begin so); its biases are the characters' frequencies, which would else be learned
first (Karpathy 2019, "A Recipe for Training Neural Networks").
"""

from __future__ import annotations

import numpy as np
import torch

from model import LSTMNetwork

from .ids_file import Ids

_COUNTED = 1_000_000  # characters of the text's beginning


@torch.no_grad()
def expect_by_frequency(network: LSTMNetwork, ids: Ids) -> None:
    """Sets the output layer such that the network predicts by frequency, whatever it reads.

    Args:
        network: fresh.
        ids: (N,) the text that it will learn from.
    """
    counts = np.bincount(ids[:_COUNTED], minlength=network.config.vocab_size) + 1
    network.output.weight.zero_()
    network.output.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
