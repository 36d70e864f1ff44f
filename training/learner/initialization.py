"""How a fresh network begins: it expects each character as often as the text has it, whatever it reads.

The output's weights are zero, so that the first steps learn from what the LSTM holds and need not undo chance (Yang
and Hu 2021, whose output layers begin so); its biases are the characters' frequencies, which would else be learned
first (Karpathy 2019, "A Recipe for Training Neural Networks"). Embeddings begin short: AdamW moves each number by
about its rate a step, and long ones would keep pointing where chance has pointed them.
"""

from __future__ import annotations

import numpy as np
import torch

from model import LSTMNetwork

from ..corpus.ids_file import Ids

_LENGTH = 2.0  # of an embedding, about
_COUNTED = 1_000_000  # characters of the text's beginning


@torch.no_grad()
def begin(network: LSTMNetwork, ids: Ids) -> None:
    """Sets what a fresh network reads with and predicts with; its LSTM stays as it was drawn.

    Args:
        network: fresh.
        ids: (N,) the text that it will learn from.
    """
    counts = np.bincount(ids[:_COUNTED], minlength=network.config.vocab_size) + 1
    network.embedding.weight.mul_(_LENGTH / network.config.embedding_size**0.5)  # drawn with a variance of one
    network.output.weight.zero_()
    network.output.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
