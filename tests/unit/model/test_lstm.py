"""One set of weights, two views: nn.LSTM over whole sequences and a stack of cells give the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from model import LSTMConfig, LSTMNetwork, LSTMState
from tests.support.tiny_models import tiny_network

LAYERS = [1, 2, 3]


def some_ids(batch: int, time: int, vocab_size: int = 58, seed: int = 1) -> torch.Tensor:
    return torch.randint(vocab_size, (batch, time), generator=torch.Generator().manual_seed(seed))


def some_state(network: LSTMNetwork, batch: int = 1) -> LSTMState:
    _, state = network(some_ids(batch, 9, seed=2))
    return state


def assert_close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0.0, atol=1e-5)


def assert_same(one: LSTMState | None, other: LSTMState) -> None:
    assert one is not None
    assert_close(one.h, other.h)
    assert_close(one.c, other.c)


# both views


@pytest.mark.parametrize("layers", LAYERS)
def test_step_by_step_equals_the_whole_sequence(layers):
    network = tiny_network(layers=layers)
    ids = some_ids(3, 40)
    whole, last = network(ids)
    state, steps = None, []
    for t in range(ids.shape[1]):
        logits, state = network.step(ids[:, t], state)
        steps.append(logits)
    assert_close(torch.stack(steps, dim=1), whole)
    assert_same(state, last)


@pytest.mark.parametrize("layers", LAYERS)
def test_the_cells_are_lstmcells_on_the_same_weights(layers):
    network = tiny_network(layers=layers)
    cells = network.cells()
    assert [type(cell) for cell in cells] == [nn.LSTMCell] * layers
    for layer, cell in enumerate(cells):
        assert cell.weight_ih is getattr(network.lstm, f"weight_ih_l{layer}")
        assert cell.bias_hh is getattr(network.lstm, f"bias_hh_l{layer}")
    ids = some_ids(2, 12)
    whole, last = network(ids)
    h = [torch.zeros(2, 12) for _ in cells]
    c = [torch.zeros(2, 12) for _ in cells]
    for t in range(ids.shape[1]):
        x = network.embedding(ids[:, t])
        for layer, cell in enumerate(cells):
            h[layer], c[layer] = cell(x, (h[layer], c[layer]))
            x = h[layer]
        assert_close(network.output(x), whole[:, t])
    assert_same(LSTMState(torch.stack(h), torch.stack(c)), last)


@pytest.mark.parametrize("layers", LAYERS)
def test_a_sequence_cut_anywhere_and_carried_on_equals_it_whole(layers):
    network = tiny_network(layers=layers)
    ids = some_ids(2, 17)
    whole, last = network(ids)
    for cut in range(1, ids.shape[1]):
        before, state = network(ids[:, :cut])
        after, end = network(ids[:, cut:], state)
        assert_close(torch.cat([before, after], dim=1), whole)
        assert_same(end, last)


def test_without_the_carried_state_it_is_another_sequence():
    network = tiny_network()
    ids = some_ids(1, 20)
    whole, _ = network(ids)
    forgotten, _ = network(ids[:, 10:])
    assert (forgotten - whole[:, 10:]).abs().max() > 1e-3


def test_no_state_is_a_state_of_zeros():
    network = tiny_network()
    ids = some_ids(2, 5)
    zeros = LSTMState.zeros(network.config, 2)
    assert torch.equal(network(ids)[0], network(ids, zeros)[0])
    assert torch.equal(network.step(ids[:, 0])[0], network.step(ids[:, 0], zeros)[0])


@pytest.mark.parametrize("layers", LAYERS)
def test_padding_changes_nothing(layers):
    network = tiny_network(layers=layers)
    ids = some_ids(4, 15)
    lengths = torch.tensor([3, 15, 1, 9])
    start = some_state(network, 4)
    padded, last = network(ids, start, lengths)
    assert padded.shape == (4, 15, 58)
    for row, length in enumerate(lengths.tolist()):
        alone, end = network(ids[row : row + 1, :length], start.rows(row))
        assert_close(padded[row, :length], alone[0])
        assert_same(last.rows(row), end)


def test_what_stands_in_the_padding_does_not_matter():
    network = tiny_network()
    ids, lengths = some_ids(3, 10), torch.tensor([4, 10, 7])
    other = torch.where(torch.arange(10)[None] < lengths[:, None], ids, 0)
    assert torch.equal(network(ids, None, lengths)[1].c, network(other, None, lengths)[1].c)


@pytest.mark.parametrize("batch", [2, 7, 33])
def test_neighbours_in_a_batch_change_nothing(batch):
    network = tiny_network()
    ids, state = some_ids(batch, 11), some_state(network, batch)
    together, end = network(ids, state)
    stepped, _ = network.step(ids[:, 0], state)
    for row in range(0, batch, 3):
        alone, alone_end = network(ids[row : row + 1], state.rows(row))
        assert_close(together[row], alone[0])
        assert_same(end.rows(row), alone_end)
        assert_close(stepped[row], network.step(ids[row : row + 1, 0], state.rows(row))[0][0])


def test_shapes_are_those_of_the_legend():
    network = tiny_network(hidden=6, layers=3)
    logits, state = network(some_ids(4, 7))
    assert logits.shape == (4, 7, 58)
    assert state.h.shape == state.c.shape == (3, 4, 6)
    logits, state = network.step(some_ids(4, 1)[:, 0], state)
    assert logits.shape == (4, 58)
    assert state.h.shape == state.c.shape == (3, 4, 6)
    assert state.batch == 4


def test_a_step_leaves_the_state_it_was_given():
    network = tiny_network()
    state = some_state(network)
    kept = state.copy()
    network.step(torch.tensor([1]), state)
    network(torch.tensor([[1, 2]]), state)
    assert torch.equal(state.h, kept.h)
    assert torch.equal(state.c, kept.c)


def test_gradients_reach_every_weight_in_both_views():
    network = tiny_network().requires_grad_(True)
    for logits in (network(some_ids(2, 4))[0], network.step(some_ids(2, 1)[:, 0], some_state(network, 2))[0]):
        network.zero_grad()
        logits.square().sum().backward()
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())


def test_a_new_network_starts_with_open_forget_gates():
    network = LSTMNetwork(LSTMConfig(10, 4, 6, 2))
    for _, _, bias_ih, bias_hh in network.lstm.all_weights:
        assert (bias_ih + bias_hh).tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12


def test_the_config_counts_what_the_network_has():
    config = LSTMConfig(30, 5, 12, 3)
    network = LSTMNetwork(config)
    assert config.parameters == sum(weight.numel() for weight in network.parameters())
    assert config.shapes() == {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


# the config


@pytest.mark.parametrize("name", ["vocab_size", "embedding_size", "hidden_size", "num_layers"])
@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        2.5,
        8.0,
        "8",
        True,
        None,
        [8],
        float("nan"),
        10**9,
        np.int64(8),
        "x" * 10_000,
        pytest.param(10**5000, id="5,000 digits"),
    ],
)
def test_a_bad_size_is_one_clear_line(name, value):
    sizes = {"vocab_size": 10, name: value}
    if name == "vocab_size":
        sizes = {name: value}
    with pytest.raises(ValueError, match=f"^{name} is .*: it must be a whole number from 1 to ") as caught:
        LSTMConfig(**sizes)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "sizes",
    [
        {"vocab_size": 65, "hidden_size": 20_000},
        {"vocab_size": 65, "num_layers": 10**6},
        {"vocab_size": 65, "hidden_size": 8192, "num_layers": 32},
        {"vocab_size": 0x110000, "embedding_size": 8192},
    ],
)
def test_an_absurd_network_is_refused_before_it_is_made(sizes):
    with pytest.raises(ValueError, match=r"hidden_size|num_layers|parameters"):
        LSTMConfig(**sizes)


def test_a_config_cannot_be_changed():
    with pytest.raises(AttributeError):
        LSTMConfig(10).hidden_size = 20  # type: ignore[misc]


# the state


def test_copies_and_rows_share_nothing():
    network = tiny_network()
    state = some_state(network, 4)
    for taken in (state.copy(), state.rows(slice(None)), state.rows([0, 1, 2, 3]), state.rows(torch.arange(4))):
        assert torch.equal(taken.h, state.h)
        taken.h.zero_()
        taken.c.zero_()
        assert state.h.abs().sum() > 0
        assert state.c.abs().sum() > 0


def test_rows_come_in_the_order_asked():
    state = some_state(tiny_network(), 5)
    assert torch.equal(state.rows([4, 0, 4]).c, state.c[:, [4, 0, 4]])
    assert torch.equal(state.rows(slice(1, 3)).h, state.h[:, 1:3])
    assert state.rows(2).h.shape == (2, 1, 12)
    assert torch.equal(state.rows(-1).h, state.h[:, -1:])


def test_rows_put_together_are_the_batch():
    state = some_state(tiny_network(), 5)
    again = LSTMState.cat([state.rows(row) for row in range(5)])
    assert torch.equal(again.h, state.h)
    assert torch.equal(again.c, state.c)


def test_a_detached_state_carries_numbers_but_no_graph():
    network = tiny_network().requires_grad_(True)
    state = some_state(network)
    assert state.h.requires_grad
    assert not state.detach().h.requires_grad
    assert not state.detach().c.requires_grad
    assert torch.equal(state.detach().c, state.c)


def test_a_state_moves_to_a_device():
    state = some_state(tiny_network()).to("meta")
    assert state.h.device.type == state.c.device.type == "meta"


def test_a_saved_state_goes_on_exactly(tmp_path):
    network = tiny_network()
    _, state = network(some_ids(3, 30))
    state.save(tmp_path / "state.safetensors")
    loaded = LSTMState.load(tmp_path / "state.safetensors", network.config)
    more = some_ids(3, 10, seed=5)
    assert torch.equal(network(more, loaded)[0], network(more, state)[0])


def test_rows_of_a_larger_state_can_be_saved(tmp_path):
    network = tiny_network()
    state = some_state(network, 4)
    LSTMState(state.h[:, 1:2], state.c[:, 1:2]).save(tmp_path / "row.safetensors")
    assert torch.equal(LSTMState.load(tmp_path / "row.safetensors", network.config).h, state.h[:, 1:2])


def damaged_states() -> dict[str, Any]:
    good = torch.zeros(2, 1, 12)
    return {
        "empty": b"",
        "garbage": b"not a state" * 10,
        "html": b"<html></html>",
        "no c": {"h": good},
        "a third": {"h": good, "c": good.clone(), "x": good.clone()},
        "other names": {"x": good, "y": good.clone()},
        "other sizes": {"h": torch.zeros(2, 1, 13), "c": torch.zeros(2, 1, 13)},
        "other layers": {"h": torch.zeros(3, 1, 12), "c": torch.zeros(3, 1, 12)},
        "unequal": {"h": torch.zeros(2, 1, 12), "c": torch.zeros(2, 2, 12)},
        "flat": {"h": torch.zeros(24), "c": torch.zeros(24)},
        "integers": {"h": good.int(), "c": good.int()},
        "doubles": {"h": good.double(), "c": good.double()},
        "nan": {"h": good, "c": torch.full((2, 1, 12), torch.nan)},
        "infinite": {"h": torch.full((2, 1, 12), torch.inf), "c": good},
    }


@pytest.mark.parametrize("damage", damaged_states())
def test_a_damaged_state_is_refused_by_name(tmp_path, damage):
    path, content = tmp_path / "state.safetensors", damaged_states()[damage]
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        save_file(content, path)
    with pytest.raises(ValueError, match=r"^state\.safetensors ") as caught:
        LSTMState.load(path, tiny_network().config)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_state_cut_short_anywhere_is_refused(tmp_path):
    network, path = tiny_network(), tmp_path / "state.safetensors"
    some_state(network).save(path)
    data = path.read_bytes()
    for cut in range(0, len(data), 7):
        path.write_bytes(data[:cut])
        with pytest.raises(ValueError, match=r"^state\.safetensors "):
            LSTMState.load(path, network.config)
