"""A new network and its sizes; saving and loading a model, and what its name means: a folder or a repo of the Hub."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model import CharLSTM, CheckpointError, LSTMConfig, LSTMNetwork, ModelUnavailableError, generate, score
from model.char_lstm import is_local, split_revision
from model.checkpoint.names import pointed_checkpoint
from tests.support.platforms import posix_only
from tests.support.tiny_models import tiny_model

CPU = torch.device("cpu")
TEXT = "To be, or not to be"


@pytest.fixture
def folder(lm, tmp_path, monkeypatch) -> Path:
    """A saved model, next to the working folder, in the home folder."""
    lm.save_pretrained(tmp_path / "tiny")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "tiny"


@pytest.mark.parametrize(("layers", "dtype"), [(1, "float32"), (2, "bfloat16"), (3, "float16")])
def test_a_saved_model_is_the_same_again_with_weights_that_its_dtype_can_hold(tmp_path, layers, dtype):
    lm = tiny_model(layers=layers)
    for weight in lm.network.parameters():
        weight.copy_(weight.to(getattr(torch, dtype)))
    for place in (tmp_path, tmp_path / "a" / "b", tmp_path):  # parents are created, a saved model is replaced
        lm.save_pretrained(place, dtype=dtype)
    loaded = CharLSTM.from_pretrained(tmp_path)
    assert loaded.network.output.weight.dtype == torch.float32
    assert generate(loaded, TEXT, 100, seed=1) == generate(lm, TEXT, 100, seed=1)
    assert score(loaded, TEXT).bits.tolist() == score(lm, TEXT).bits.tolist()
    assert (loaded.config, loaded.tokenizer.vocab, loaded.training) == (lm.config, lm.tokenizer.vocab, lm.training)


def test_a_loaded_model_is_a_network_of_its_own_that_can_be_trained(folder):
    lm, other = CharLSTM.from_pretrained(folder), CharLSTM.from_pretrained(str(folder))
    assert (lm.network.training, lm.device, lm.name, lm.commit, lm.notice) == (False, CPU, "tiny", None, "")
    text = generate(lm, "a", 100, seed=1)
    lm.network.train()
    ids = torch.from_numpy(lm.tokenizer.encode(TEXT))[None]
    logits, _ = lm.network(ids[:, :-1])
    torch.nn.functional.cross_entropy(logits[0], ids[0, 1:]).backward()
    with torch.no_grad():  # an optimizer of torch would import its compiler, which takes a second
        for weight in lm.network.parameters():
            assert weight.grad is not None
            weight.sub_(weight.grad)
    assert generate(lm, "a", 100, seed=1) != text, "the quantized weights are those before the training"
    assert generate(other, "a", 100, seed=1) == text


@posix_only
@pytest.mark.parametrize("kind", ["folder", "link", "file"])
def test_a_run_folder_means_its_best_checkpoint(tmp_path, kind):
    run, models = tmp_path / "runs" / "mine", {1000: tiny_model(seed=1), 2000: tiny_model(seed=2)}
    for step, lm in models.items():
        lm.save_pretrained(run / f"step-{step:08d}")
    for name, step in (("best", 1000), ("latest", 2000)):
        if kind == "link":  # of an earlier version
            (run / name).symlink_to(f"step-{step:08d}")
        elif kind == "file":
            (run / name).write_text(f"step-{step:08d}\n")
        else:
            models[step].save_pretrained(run / name)
    for path, step in ((run, 1000), (run / "latest", 2000), (run / "step-00002000", 2000)):
        lm = CharLSTM.from_pretrained(path)
        assert generate(lm, TEXT, 50, seed=1) == generate(models[step], TEXT, 50, seed=1)
    assert CharLSTM.from_pretrained(run).name == "mine"


@pytest.mark.parametrize("name", ["../other", "step-00000009", "/etc", "\x00", ""])
def test_a_pointer_names_a_checkpoint_of_its_own_folder_only(lm, tmp_path, name):
    run = tmp_path / "run"
    for folder in (run / "step-00001000", tmp_path / "other"):
        lm.save_pretrained(folder)
    (run / "best").write_text(name)
    assert pointed_checkpoint(run / "best") is None
    with pytest.raises(CheckpointError, match=r"config\.json is missing"):
        CharLSTM.from_pretrained(run)


@pytest.mark.parametrize("name", ["../tiny", "~/tiny"])
def test_a_relative_path_and_the_home_folder_work(folder, name):
    assert CharLSTM.from_pretrained(name).name == "tiny"


PATHS = ["./x", "../x", ".", "/x/y", "~/x", "runs/x", "C:\\x", r"runs\x", Path("x")]
IDS = ["user/name", "name", "hf://./x", "", "a\x00b", "x" * 5000]


@pytest.mark.parametrize(("name", "local"), [*((each, True) for each in PATHS), *((each, False) for each in IDS)])
def test_a_missing_name_is_a_path_if_it_is_written_as_one_and_else_a_hub_id(name, local):
    assert is_local(name) == local


@pytest.mark.parametrize("name", ["./nowhere", "~nobody-here/x", Path("nowhere")])
def test_an_error_names_a_missing_folder_as_it_was_typed(name, folder):
    with pytest.raises(CheckpointError, match="there is no folder") as caught:
        CharLSTM.from_pretrained(name)
    assert repr(str(name)) in str(caught.value)
    assert "user/name" in str(caught.value)
    assert str(folder.parent) not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("user/name", ("user/name", None)),
        ("user/name@v2", ("user/name", "v2")),
        *((folder, (folder, None)) for folder in ("./folder@home", "a@b")),
    ],
)
def test_a_revision_follows_an_at_sign_unless_it_is_in_the_name_of_a_folder(typed, expected, tmp_path, monkeypatch):
    (tmp_path / "a@b").mkdir()
    monkeypatch.chdir(tmp_path)
    assert split_revision(typed) == expected


@pytest.mark.parametrize(
    "name",
    ["a/b/c", "hf://", "https://huggingface.co/user/name", "a\nb", "a\x00b", "user/" + "x" * 5000, "", "no-slash"],
)
def test_a_name_that_cannot_be_on_the_hub_is_refused_without_a_request(name, hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelUnavailableError, match="write user/name") as caught:
        CharLSTM.from_pretrained(name)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 250
    assert hub.log == []


def test_a_new_network_starts_with_open_forget_gates_and_has_the_parameters_of_its_config():
    network = LSTMNetwork(LSTMConfig(10, 4, 6, 2))
    for _, _, bias_ih, bias_hh in network.lstm.all_weights:
        assert (bias_ih + bias_hh).tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12
    assert network.config.parameters == sum(weight.numel() for weight in network.parameters())


WRONG = [0, 2.5, "8", True, None, float("nan"), 10**9, np.int64(8), "x" * 10_000, 10**5000]
TOO_LARGE = [{"hidden_size": 8192, "num_layers": 32}, {"vocab_size": 0x110000, "embedding_size": 8192}]


@pytest.mark.parametrize("name", ["vocab_size", "embedding_size", "hidden_size", "num_layers"])
def test_an_error_names_a_wrong_size_on_one_line(name):
    for sizes in (*({name: value} for value in WRONG), *TOO_LARGE):
        with pytest.raises(
            ValueError, match=r"^(\w+ is .*: it must be a whole number from 1 to |.* parameters)"
        ) as caught:
            LSTMConfig(**{"vocab_size": 10, **sizes})
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 200
