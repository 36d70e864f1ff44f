"""The plain way is a fair measure only while it is the same model; and the benchmark itself runs."""

from __future__ import annotations

import json

import pytest
import torch

from tests.benchmarks import bench_rebuild, bench_stream, bench_training, plain_training, plain_way
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import SIZES, write_text
from training.learner.recipe import Recipe

pytestmark = pytest.mark.slow


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


def test_the_benchmark_compares_each_way_with_the_plain_one(tmp_path, capsys):
    tiny_model().save_pretrained(tmp_path / "tiny")
    found = tmp_path / "out" / "bench.json"
    threads = torch.get_num_threads()
    arguments = ["--length=60", "--repeats=1", f"--model={tmp_path / 'tiny'}", f"--json={found}"]
    assert bench_stream.main(arguments) == 0
    torch.set_num_threads(threads)
    benchmark = json.loads(found.read_text())
    assert benchmark["ratio"]["plain way"] == 1.0
    engine = {f"engine, {rows} replies" for rows in (8, 32, 128)}
    beside = {"plain way", "plain way, 32 threads", "float32 step, 32 rows"}
    assert set(benchmark["chars_per_sec"]) == {"stream", *engine, *beside}
    assert "characters/s" in capsys.readouterr().out


def test_a_text_is_read_again_alone_and_with_other_replies(monkeypatch):
    monkeypatch.setattr(bench_rebuild, "SECONDS", 0.05)
    threads = torch.get_num_threads()
    found = bench_rebuild.measure(tiny_model(), characters=300, repeats=1)
    torch.set_num_threads(threads)
    for name in ("free", "clamped"):
        assert set(found[name]) == {"alone", "full speed", "page speed"}
        assert all(figures["seconds"] >= 0 for figures in found[name].values())
    assert "8 at page speed" in bench_rebuild.table(found)


def test_the_plain_way_to_train_learns():
    torch.manual_seed(1)
    model = plain_training.PlainModel(3, 4, 16, 1)
    losses = plain_training.train(model, torch.arange(3).repeat(200), batch=4, window=20, lr=0.02)
    assert next(losses) > 1.0
    assert min(next(losses) for _ in range(60)) < 0.1


def test_the_trainer_is_compared_with_the_plain_way_at_the_same_sizes():
    recipe = Recipe(embedding_size=4, hidden_size=8, num_layers=2, batch=3, window=10)
    found = bench_training.speeds(recipe, repeats=1, turn_s=0.01)
    assert found["network"] == "2 x 8, 3 x 10 characters a step"
    assert found["ratio"]["plain loop"] == 1.0
    assert {"plain loop", "trainer, float32"} <= set(found["ratio"])


def test_each_second_of_a_run_has_its_place(tmp_path):
    text = write_text(tmp_path)
    found = bench_training.shares([str(text), *SIZES, "--steps=12", "--set=evaluations=2"])
    outside = found["data_s"] + found["checkpoints_s"] + found["rest_s"]
    assert all(seconds > 0 for seconds in found.values())
    assert abs(found["outside"] - outside / (outside + found["steps_s"])) < 0.01
