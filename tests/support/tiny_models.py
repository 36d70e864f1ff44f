"""Small models with random weights for tests: fast to create, and the same each time."""

from pathlib import Path

import torch

from model import CharLSTM, CharTokenizer, Engine, LSTMConfig, LSTMNetwork, Sequence

ALPHABET = "\n !,.:ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def tiny_network(
    vocab_size: int = len(ALPHABET), *, embedding: int = 5, hidden: int = 12, layers: int = 2, seed: int = 0
) -> LSTMNetwork:
    """Returns a network with random weights, so large that each prediction depends on the whole text so far."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LSTMNetwork(LSTMConfig(vocab_size, embedding, hidden, layers))
        for parameter in network.parameters():
            torch.nn.init.uniform_(parameter, -1.5, 1.5)
        for weight in (network.embedding.weight, network.output.weight):
            torch.nn.init.uniform_(weight, -3.0, 3.0)
    return network.eval().requires_grad_(False)


def saved_files(lm: CharLSTM, folder: Path) -> dict[str, bytes]:
    """Saves a model in a folder; returns all files of that folder by name, as `LocalHub.add_repo` takes them."""
    lm.save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def tiny_model(alphabet: str = ALPHABET, *, hidden: int = 12, layers: int = 2, seed: int = 0) -> CharLSTM:
    """Returns a model that generates random-looking text in an alphabet."""
    tokenizer = CharTokenizer.from_text(alphabet)
    network = tiny_network(len(tokenizer), hidden=hidden, layers=layers, seed=seed)
    return CharLSTM(network, tokenizer, {"corpus": "none", "step": 0}, name="tiny")


def finish(engine: Engine, *sequences: Sequence) -> list[str]:
    """Runs steps until all sequences are finished; returns their texts."""
    for _ in range(100_000):
        if all(sequence.finished for sequence in sequences):
            return [sequence.text for sequence in sequences]
        engine.step()
    raise AssertionError("a sequence did not finish in 100,000 steps")
