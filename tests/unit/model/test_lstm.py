"""The two views of a network agree: nn.LSTM over whole sequences, and a stack of cells one character at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from model import LSTMConfig, LSTMNetwork, LSTMState
from tests.support.tiny_models import tiny_network


def assert_close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0.0, atol=1e-5)


def assert_same(one: LSTMState | None, other: LSTMState) -> None:
    assert one is not None
    assert_close(one.h, other.h)
    assert_close(one.c, other.c)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_steps_cells_of_torch_and_two_parts_equal_the_whole_sequence(layers):
    network = tiny_network(layers=layers)
    ids, cells = torch.randint(58, (3, 40), generator=torch.Generator().manual_seed(1)), network.cells()
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
    before, state = network(ids[:, :15])
    after, end = network(ids[:, 15:], state)
    assert_close(torch.cat([before, after], dim=1), whole)
    assert_same(end, last)
    assert (network(ids[:, 15:])[0] - whole[:, 15:]).abs().max() > 1e-3, "without the state the rest is another"


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
