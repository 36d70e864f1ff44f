"""A vocabulary that grows: old characters stay as they are, new ones begin at their frequency."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model import CharLSTM, CharTokenizer, LSTMNetwork
from tests.support.tiny_runs import words
from training.cli.fine_tune import weights_for_new_characters, with_lower_rates
from training.corpus.ids_file import Ids
from training.learner.recipe import Recipe
from training.learner.trainer import Trainer

OLD = words(600)
NEW = words(600, seed=6).replace("mat", "mät").replace("owl", "öwl")  # ö and ä are new
SMALL = Recipe(embedding_size=8, hidden_size=32, num_layers=1, batch=8, window=32, steps=60, dropout_out=0.0)


@pytest.fixture(scope="module")
def parent() -> CharLSTM:
    tokenizer = CharTokenizer.from_text(OLD + "Z")  # it knows a character that no text has
    trainer = Trainer(SMALL, len(tokenizer), encode(tokenizer, OLD))
    for _ in range(SMALL.steps):
        trainer.step()
    return CharLSTM(trainer.average, tokenizer)


@pytest.fixture(scope="module")
def tokenizer(parent: CharLSTM) -> CharTokenizer:
    return CharTokenizer((*parent.tokenizer.vocab, "ä", "ö"))


def encode(tokenizer: CharTokenizer, text: str) -> Ids:
    return tokenizer.encode(text).astype(np.int32)


def network(parent: CharLSTM, ids: Ids, vocab_size: int) -> LSTMNetwork:
    trainer = Trainer(with_lower_rates(SMALL, parent), vocab_size, ids)
    trainer.start_from(weights_for_new_characters(parent, ids, vocab_size))
    return trainer.average


def test_old_characters_keep_their_weights_to_the_bit(parent: CharLSTM, tokenizer: CharTokenizer) -> None:
    grown = weights_for_new_characters(parent, encode(tokenizer, NEW), len(tokenizer))
    before = parent.network.state_dict()
    assert grown.keys() == before.keys()
    for name, tensor in before.items():
        assert torch.equal(grown[name][: len(tensor)], tensor), name
    assert grown["embedding.weight"].shape == (len(tokenizer), 8)
    assert len({tuple(row.tolist()) for row in grown["embedding.weight"]}) == len(tokenizer)
    assert grown["output.weight"].shape == (len(tokenizer), 32)
    again = weights_for_new_characters(parent, encode(tokenizer, NEW), len(tokenizer))
    assert all(torch.equal(again[name], grown[name]) for name in grown)


def test_new_characters_are_expected_as_often_as_they_come(parent: CharLSTM, tokenizer: CharTokenizer) -> None:
    ids = encode(tokenizer, NEW)
    with torch.inference_mode():
        logits, _ = network(parent, ids, len(tokenizer))(torch.from_numpy(ids.astype(np.int64))[None])
    expected = logits[0].softmax(-1).mean(0)
    for character in "äö":
        frequency = NEW.count(character) / len(NEW)
        assert float(expected[tokenizer.vocab.index(character)]) == pytest.approx(frequency, rel=0.15)
