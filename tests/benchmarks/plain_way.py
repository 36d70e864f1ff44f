"""The plain way to write with an LSTM, as in most tutorials: the baseline of this project's writing speed.

``nn.LSTM`` called with one character at a time, softmax, ``multinomial``, float32. This file does not change, so
ratios stay comparable from year to year. It shares no code with the project: it reads the
checkpoint's two files itself.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn


class PlainModel(nn.Module):
    """An embedding, an LSTM and a linear layer."""

    def __init__(self, vocab_size: int, embedding_size: int, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.lstm = nn.LSTM(embedding_size, hidden_size, num_layers, batch_first=True)
        self.output = nn.Linear(hidden_size, vocab_size)


def load(folder: Path) -> tuple[PlainModel, list[str]]:
    """Returns the model of a checkpoint folder, and its vocabulary."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    vocab = config["vocab"]
    model = PlainModel(len(vocab), config["embedding_size"], config["hidden_size"], config["num_layers"])
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()})
    return model.eval(), vocab


@torch.no_grad()
def write(model: PlainModel, vocab: list[str], start: str, length: int, temperature: float) -> Iterator[str]:
    """Yields characters one by one, after ``start``."""
    ids = torch.tensor([[vocab.index(character) for character in start]])
    output, state = model.lstm(model.embedding(ids))
    for _ in range(length):
        probabilities = torch.softmax(model.output(output[0, -1]) / temperature, dim=-1)
        chosen = torch.multinomial(probabilities, 1)
        yield vocab[int(chosen)]
        output, state = model.lstm(model.embedding(chosen[None]), state)
