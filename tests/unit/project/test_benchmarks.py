"""The plain way, to which the benchmarks compare, is a fair measure only while it is the same model."""

from __future__ import annotations

import pytest
import torch

from tests.benchmarks import bench_peers, plain_training, plain_way
from tests.benchmarks.peers import PEERS
from tests.support.tiny_models import tiny_model


def test_the_plain_way_is_the_same_model(tmp_path):
    lm = tiny_model()
    lm.save_pretrained(tmp_path)
    model, vocab = plain_way.load(tmp_path)
    ids = torch.from_numpy(lm.tokenizer.encode("To be, or not"))[None]
    output, _ = model.lstm(model.embedding(ids))
    torch.testing.assert_close(model.output(output), lm.network(ids)[0])
    assert vocab == list(lm.tokenizer.vocab)


def test_the_plain_way_to_train_learns():
    torch.manual_seed(1)
    model = plain_way.PlainModel(3, 4, 16, 1)
    losses = plain_training.train(model, torch.arange(3).repeat(200), batch=4, window=20, lr=0.02)
    assert next(losses) > 1.0
    assert min(next(losses) for _ in range(60)) < 0.1


@pytest.mark.parametrize("name", PEERS)
def test_another_model_sees_no_later_character_and_is_measured_as_it_predicts(name: str):
    torch.manual_seed(1)
    peer = PEERS[name](5).eval()
    ids = torch.randint(5, (2, 33))
    with torch.inference_mode():
        logits, _ = peer(ids[:, :-1])
        changed = torch.cat([ids[:, :20], (ids[:, 20:] + 1) % 5], 1)
        torch.testing.assert_close(peer(changed[:, :-1])[0][:, :20], logits[:, :20])
        expected = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
    torch.testing.assert_close(bench_peers.losses(peer, ids, peer.window), expected)


def test_the_evaluator_carries_the_state_or_the_window_along_the_text():
    """A model that has learned the text by heart finds it certain; one that forgets each 256 characters not."""
    ids = torch.arange(3_000) % 7

    def after_ten(part, state):
        seen = (state or 0) + torch.arange(1, part.shape[1] + 1)
        logits = torch.full((*part.shape, 7), 0.0).scatter(-1, ((part + 1) % 7)[..., None], 50.0)
        return torch.where((seen > 10)[None, :, None], logits, 0.0), int(seen[-1])

    found = bench_peers.evaluate(after_ten, ids, None)
    assert found["carried"] == pytest.approx(0, abs=1e-6)
    assert found["cold256"] == pytest.approx(10 / 256 * torch.log(torch.tensor(7.0)).item(), abs=1e-6)
