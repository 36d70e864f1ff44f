"""A vocabulary that grows: old characters stay as they are, new ones begin at their frequency."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model import CharLSTM, CharTokenizer, LSTMNetwork
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import words
from training.cli.fine_tune import (
    LEARNING_RATE_SCALE,
    preset_near,
    weights_for_new_characters,
    with_lower_rates,
)
from training.corpus.ids_file import Ids
from training.learner import evaluation as evaluate
from training.learner.recipe import PRESETS, Recipe
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


def test_the_loss_starts_far_below_that_of_a_new_network_and_does_not_rise(
    parent: CharLSTM, tokenizer: CharTokenizer
) -> None:
    ids, held_out = encode(tokenizer, NEW), encode(tokenizer, words(100, seed=7).replace("mat", "mät"))
    trainer = Trainer(with_lower_rates(SMALL, parent), len(tokenizer), ids)
    fresh = evaluate.mean(evaluate.cold_losses(trainer.average, held_out))
    trainer.start_from(weights_for_new_characters(parent, ids, len(tokenizer)))
    losses = [evaluate.mean(evaluate.cold_losses(trainer.average, held_out))]
    for _ in range(SMALL.steps):
        trainer.step()
        losses.append(evaluate.mean(evaluate.cold_losses(trainer.average, held_out)))
    assert losses[0] < fresh - 0.7
    assert max(losses) < losses[0] + 0.02
    assert losses[-1] < losses[0] - 0.1


def test_the_recipe_has_the_sizes_of_the_model(parent: CharLSTM) -> None:
    recipe = with_lower_rates(PRESETS["medium"], parent)
    assert (recipe.embedding_size, recipe.hidden_size, recipe.num_layers) == (8, 32, 1)
    assert recipe.lr == pytest.approx(LEARNING_RATE_SCALE * PRESETS["medium"].lr)
    assert recipe.dropout_out == PRESETS["medium"].dropout_out
    assert preset_near(parent) == "tiny"
    assert preset_near(tiny_model(hidden=512)) == "medium"
