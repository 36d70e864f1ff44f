"""The plain way, to which the benchmarks compare, is a fair measure only while it is the same model."""

from __future__ import annotations

import torch

from tests.benchmarks import plain_way
from tests.support.tiny_models import tiny_model


def test_the_plain_way_is_the_same_model(tmp_path):
    lm = tiny_model()
    lm.save_pretrained(tmp_path)
    model, vocab = plain_way.load(tmp_path)
    ids = torch.from_numpy(lm.tokenizer.encode("To be, or not"))[None]
    output, _ = model.lstm(model.embedding(ids))
    torch.testing.assert_close(model.output(output), lm.network(ids)[0])
    assert vocab == list(lm.tokenizer.vocab)
