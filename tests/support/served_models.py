"""Models as the app serves them, whose engines a test steps itself."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import torch

from model import CharLSTM, Engine
from model.settings import Precision
from tests.support.app_server import random_model
from ui.registry.loaded_model import LoadedModel


def serve(seed: int = 0, name: str = "random", precision: Precision = "int8", **about: Any) -> LoadedModel:
    """A model with random weights, and an engine that does not run by itself."""
    lm = replace(random_model(seed), **about)
    return LoadedModel(name, lm, Engine(lm, precision=precision), threading.current_thread())


def strong_model() -> CharLSTM:
    """A model with such weights that a single cell matters."""
    lm = random_model()
    with torch.no_grad():
        for parameter in lm.models[0].network.parameters():
            parameter.mul_(4)
    return lm
