"""The two views of a network agree: nn.LSTM over whole sequences, and a stack of cells one character at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from model import LSTMConfig, LSTMNetwork, LSTMState
from tests.support.tiny_models import tiny_network


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


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_steps_and_cells_of_torch_on_the_same_weights_equal_the_whole_sequence(layers):
    network = tiny_network(layers=layers)
    ids, cells = some_ids(3, 40), network.cells()
    whole, last = network(ids)
    assert [type(cell) for cell in cells] == [nn.LSTMCell] * layers
    state, h, c = None, [torch.zeros(3, 12) for _ in cells], [torch.zeros(3, 12) for _ in cells]
    for t in range(ids.shape[1]):
        logits, state = network.step(ids[:, t], state)
        assert_close(logits, whole[:, t])
        x = network.embedding(ids[:, t])
        for layer, cell in enumerate(cells):
            assert cell.weight_ih is getattr(network.lstm, f"weight_ih_l{layer}")
            h[layer], c[layer] = x, _ = cell(x, (h[layer], c[layer]))
        assert_close(network.output(x), whole[:, t])
    assert_same(state, last)
    assert_same(LSTMState(torch.stack(h), torch.stack(c)), last)


def test_a_sequence_in_two_parts_equals_the_whole_only_if_the_state_is_carried_over():
    network = tiny_network()
    ids = some_ids(2, 17)
    whole, last = network(ids)
    for cut in range(1, ids.shape[1]):
        before, state = network(ids[:, :cut])
        after, end = network(ids[:, cut:], state)
        assert_close(torch.cat([before, after], dim=1), whole)
        assert_same(end, last)
        assert (network(ids[:, cut:])[0] - whole[:, cut:]).abs().max() > 1e-3


def test_shapes_are_as_documented_and_the_given_state_is_not_changed():
    network = tiny_network(hidden=6, layers=3)
    logits, state = network(some_ids(4, 7))
    assert (logits.shape, state.h.shape, state.c.shape) == ((4, 7, 58), (3, 4, 6), (3, 4, 6))
    kept = state.copy()
    logits, after = network.step(some_ids(4, 1)[:, 0], state)
    assert (logits.shape, after.h.shape, after.c.shape) == ((4, 58), (3, 4, 6), (3, 4, 6))
    network(some_ids(4, 2), state)
    assert torch.equal(state.h, kept.h)
    assert torch.equal(state.c, kept.c)
    state.h.zero_()
    assert kept.h.abs().sum() > 0


def test_a_new_network_starts_with_open_forget_gates():
    network = LSTMNetwork(LSTMConfig(10, 4, 6, 2))
    for _, _, bias_ih, bias_hh in network.lstm.all_weights:
        assert (bias_ih + bias_hh).tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12


def test_the_config_has_the_parameters_and_shapes_of_the_network():
    config = LSTMConfig(30, 5, 12, 3)
    network = LSTMNetwork(config)
    assert config.parameters == sum(weight.numel() for weight in network.parameters())
    assert config.shapes() == {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("name", ["vocab_size", "embedding_size", "hidden_size", "num_layers"])
@pytest.mark.parametrize(
    "value",
    [0, -1, 2.5, 8.0, "8", True, None, [8], float("nan"), 10**9, np.int64(8), "x" * 10_000,
     pytest.param(10**5000, id="5,000 digits")],
)  # fmt: skip
def test_an_error_names_a_wrong_size_on_one_line(name, value):
    sizes = {"vocab_size": 10, name: value}
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
