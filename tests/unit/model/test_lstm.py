"""The two views of a network agree: nn.LSTM over whole sequences, and a stack of cells one character at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
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
def test_cells_are_nn_lstmcell_modules_on_the_same_weights(layers):
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
def test_a_sequence_in_two_parts_with_the_state_carried_over_equals_the_whole(layers):
    network = tiny_network(layers=layers)
    ids = some_ids(2, 17)
    whole, last = network(ids)
    for cut in range(1, ids.shape[1]):
        before, state = network(ids[:, :cut])
        after, end = network(ids[:, cut:], state)
        assert_close(torch.cat([before, after], dim=1), whole)
        assert_same(end, last)


def test_the_state_changes_the_prediction():
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


@pytest.mark.parametrize("batch", [2, 7, 33])
def test_other_sequences_of_a_batch_change_nothing(batch):
    network = tiny_network()
    ids, state = some_ids(batch, 11), some_state(network, batch)
    together, end = network(ids, state)
    stepped, _ = network.step(ids[:, 0], state)
    for at in range(0, batch, 3):
        own = LSTMState(state.h[:, at : at + 1], state.c[:, at : at + 1])
        alone, alone_end = network(ids[at : at + 1], own)
        assert_close(together[at], alone[0])
        assert_same(LSTMState(end.h[:, at : at + 1], end.c[:, at : at + 1]), alone_end)
        assert_close(stepped[at], network.step(ids[at : at + 1, 0], own)[0][0])


def test_shapes_are_as_documented():
    network = tiny_network(hidden=6, layers=3)
    logits, state = network(some_ids(4, 7))
    assert logits.shape == (4, 7, 58)
    assert state.h.shape == state.c.shape == (3, 4, 6)
    logits, state = network.step(some_ids(4, 1)[:, 0], state)
    assert logits.shape == (4, 58)
    assert state.h.shape == state.c.shape == (3, 4, 6)


def test_forward_and_step_do_not_change_the_state_they_get():
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


def test_the_config_has_the_parameters_and_shapes_of_the_network():
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
def test_an_error_names_a_wrong_size_on_one_line(name, value):
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
def test_an_enormous_network_is_refused(sizes):
    with pytest.raises(ValueError, match=r"hidden_size|num_layers|parameters"):
        LSTMConfig(**sizes)


def test_a_config_cannot_be_changed():
    with pytest.raises(AttributeError):
        LSTMConfig(10).hidden_size = 20  # type: ignore[misc]


# the state


def test_a_copy_shares_no_memory():
    state = some_state(tiny_network(), 4)
    copied = state.copy()
    assert_same(copied, state)
    copied.h.zero_()
    copied.c.zero_()
    assert state.h.abs().sum() > 0
    assert state.c.abs().sum() > 0


def test_a_detached_state_has_the_numbers_but_no_graph():
    network = tiny_network().requires_grad_(True)
    state = some_state(network)
    assert state.h.requires_grad
    assert not state.detach().h.requires_grad
    assert not state.detach().c.requires_grad
    assert torch.equal(state.detach().c, state.c)


def test_a_state_moves_to_a_device():
    state = some_state(tiny_network()).to("meta")
    assert state.h.device.type == state.c.device.type == "meta"
