"""A vocabulary that grows: old characters stay as they are, new ones begin at their frequency."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model import CharLSTM, CharTokenizer, LSTMNetwork
from tests.support.tiny_runs import words
from training.cli.fine_tune import weights_for_new_characters
from training.learner.recipe import Recipe
from training.learner.trainer import Trainer

OLD = words(600)
NEW = words(600, seed=6).replace("mat", "mät").replace("owl", "öwl")  # ö and ä are new
SMALL = Recipe(embedding_size=8, hidden_size=32, num_layers=1, batch=8, window=32, steps=60, dropout_out=0.0)


def test_old_characters_keep_their_weights_and_new_ones_are_expected_as_often_as_they_come() -> None:
    known = CharTokenizer.from_text(OLD + "Z")  # it knows a character that no text has
    trainer = Trainer(SMALL, len(known), known.encode(OLD).astype(np.int32))
    for _ in range(SMALL.steps):
        trainer.step()
    parent = CharLSTM(trainer.average, known)
    tokenizer = CharTokenizer((*known.vocab, "ä", "ö"))
    ids = tokenizer.encode(NEW)
    grown, again = (weights_for_new_characters(parent, ids, len(tokenizer)) for _ in range(2))
    before = parent.network.state_dict()
    assert grown.keys() == before.keys()
    for name, tensor in before.items():
        assert torch.equal(grown[name][: len(tensor)], tensor), name
        assert torch.equal(grown[name], again[name]), name
    assert len({tuple(row.tolist()) for row in grown["embedding.weight"]}) == len(tokenizer)
    network = LSTMNetwork(replace(parent.config, vocab_size=len(tokenizer))).eval()
    network.load_state_dict(grown)
    with torch.inference_mode():
        logits, _ = network(torch.from_numpy(ids.astype(np.int64))[None])
    expected = logits[0].softmax(-1).mean(0)
    for character in "äö":
        frequency = NEW.count(character) / len(NEW)
        assert float(expected[tokenizer.vocab.index(character)]) == pytest.approx(frequency, rel=0.15)
