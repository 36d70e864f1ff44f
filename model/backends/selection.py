"""Chooses the fastest implementation for a network, its device and this machine."""

from __future__ import annotations

from ..int8 import sampling
from ..int8.weights import Int8Weights
from ..lstm import LSTMNetwork
from ..settings import SamplingParams
from . import int8_products
from .backend import Backend, Floats
from .device import int8_device
from .float32 import Float32Backend
from .torch_int8 import TorchInt8Backend


def make_backend(
    network: LSTMNetwork, slots: int, weights: Int8Weights | None, *, blocked: int | None = None
) -> Backend:
    """Returns the fastest backend for a network on its device: int8 with `weights`, float32 if they are None.

    The id `blocked` gets a logit of `NEVER`.
    """
    if weights is None:
        return Float32Backend(network, slots, blocked)
    if blocked is not None:
        weights = weights.without(blocked)
    device = int8_device(network.output.weight.device)
    if device.type == "cpu" and int8_products.numba_available():
        from .numba_int8 import NumbaInt8Backend

        return NumbaInt8Backend(weights, slots)
    return TorchInt8Backend(weights.to(device), slots)


def choose(logits: Floats, params: list[SamplingParams], numbers: list[int]) -> list[int]:
    """Draws the next character of each slot as `sampling.choose` does, compiled if possible: (B, V) to B ids."""
    if int8_products.numba_available():
        from ..int8 import numba_sampling

        return numba_sampling.choose(logits, params, numbers)
    return [sampling.choose(*each) for each in zip(logits, params, numbers, strict=True)]
