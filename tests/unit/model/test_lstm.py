"""A new network, and its sizes. test_scoring.py and the lecture compare its two views, `forward` and `step`."""

from __future__ import annotations

import numpy as np
import pytest

from model import LSTMConfig, LSTMNetwork


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
