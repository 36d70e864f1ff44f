"""Finds the model that a request names; waits for one that still loads, as right after the start of the app."""

from __future__ import annotations

import asyncio
import time

from ..messages import RefusalError
from .loaded_model import LoadedModel
from .registry import ModelRegistry

WAIT_S = 30.0
_POLL_S = 0.05
LOADING = {"refusal.loading", "refusal.named_loading"}


async def find_model(registry: ModelRegistry, name: object) -> LoadedModel:
    """Returns the model with a name; None is the default model. Waits up to ``WAIT_S`` seconds while it loads.

    Raises:
        RefusalError: no model has this name, it failed to load, or it still loads.
    """
    end = time.monotonic() + WAIT_S
    while True:
        try:
            return registry.get(name)
        except RefusalError as refusal:
            if refusal.id not in LOADING or time.monotonic() >= end:
                raise
        await asyncio.sleep(_POLL_S)
