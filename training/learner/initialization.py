"""Initial weights: a new network predicts each character with its frequency in the text, in every context.

The output weights are zero, so that the first steps learn from the LSTM's state instead of undoing random weights
(Yang and Hu 2021 initialize output layers so); the output biases are the characters' log frequencies, which would
otherwise be learned first (Karpathy 2019, "A Recipe for Training Neural Networks"). Embeddings are short at first:
AdamW moves each number by about its learning rate per step, and long vectors would keep their random directions.
"""

from __future__ import annotations

import numpy as np
import torch

from model import LSTMNetwork

from ..corpus.ids_file import Ids

_EMBEDDING_NORM = 2.0  # of a character's vector, on average
_COUNTED = 1_000_000  # characters from the beginning of the text


@torch.no_grad()
def initialize(network: LSTMNetwork, ids: Ids) -> None:
    """Sets embedding and output of a new network; its LSTM keeps PyTorch's random weights.

    Args:
        network: new, its embedding drawn with a variance of one, as `nn.Embedding` does.
        ids: (N,) the text to train on.
    """
    counts = np.bincount(ids[:_COUNTED], minlength=network.config.vocab_size) + 1
    network.embedding.weight.mul_(_EMBEDDING_NORM / network.config.embedding_size**0.5)
    network.output.weight.zero_()
    network.output.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
