"""The plain way, to which the benchmarks compare, is a fair measure only while it is the same model."""

import pytest
import torch

from tests.benchmarks import bench_peers, plain_way
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
