"""The plain way, to which the benchmarks compare, is a fair measure only while it is the same model."""

from __future__ import annotations

import torch

from tests.benchmarks import plain_training, plain_way
from tests.support.tiny_models import tiny_model


def test_the_plain_way_is_the_same_model(tmp_path):
    lm = tiny_model()
    lm.save_pretrained(tmp_path)
    model, vocab = plain_way.load(tmp_path)
    ids = torch.from_numpy(lm.tokenizer.encode("To be, or not"))[None]
    output, _ = model.lstm(model.embedding(ids))
    torch.testing.assert_close(model.output(output), lm.network(ids)[0])
    assert vocab == list(lm.tokenizer.vocab)


def test_the_plain_way_writes_as_many_characters_as_asked(tmp_path):
    tiny_model().save_pretrained(tmp_path)
    model, vocab = plain_way.load(tmp_path)
    torch.manual_seed(1)
    written = "".join(plain_way.write(model, vocab, "ab", 30, 0.8))
    assert len(written) == 30
    assert set(written) <= set(vocab)


def test_the_plain_way_to_train_learns():
    torch.manual_seed(1)
    model = plain_training.PlainModel(3, 4, 16, 1)
    losses = plain_training.train(model, torch.arange(3).repeat(200), batch=4, window=20, lr=0.02)
    assert next(losses) > 1.0
    assert min(next(losses) for _ in range(60)) < 0.1
