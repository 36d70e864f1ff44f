"""`python -m model info` describes a model, or this machine; `python -m model list` lists the bundled models."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from .. import __version__
from ..backends.backend import numba_available
from ..backends.device import best_device, free_memory, gpu_name
from ..char_lstm import CharLSTM, checkpoint_folder
from ..checkpoint.names import WEIGHTS, bundled_names, bundled_spec
from ..terminal import one_line, size_text, table, terminal_text
from .arguments import add_command
from .inputs import load_model

_MAX_CHARACTERS = 200  # of the vocabulary that are shown
_PACKAGES = ("torch", "numpy", "numba", "safetensors", "huggingface_hub", "gradio")


def add_to(commands: Any) -> None:
    """Adds the commands info and list."""
    parser = add_command(commands, "info", "Describe a model: its sizes, characters and training.", _info)
    parser.add_argument("--bug", action="store_true", help="describe this machine, for a report of a bug")
    add_command(commands, "list", "List the models that come with the project.", _list, model=False)


def _info(arguments: argparse.Namespace) -> int:
    if arguments.bug:
        table(_machine(), sys.stdout)
        return 0
    lm = load_model(arguments.model)
    table({one_line(name, 60): terminal_text(line) for name, line in _lines(lm).items()}, sys.stdout)
    return 0


def _lines(lm: CharLSTM) -> dict[str, str]:
    layers = "1 layer" if lm.config.num_layers == 1 else f"{lm.config.num_layers} layers"
    state = lm.config.num_layers * lm.config.hidden_size * 2
    shown = json.dumps("".join(lm.tokenizer.vocab[:_MAX_CHARACTERS]), ensure_ascii=False)[1:-1]
    more = len(lm.tokenizer) - _MAX_CHARACTERS
    return {
        "model": f"{lm.name} at {lm.commit}" if lm.commit else lm.name,
        "network": f"embedding of {lm.config.embedding_size}, {layers} of {lm.config.hidden_size} cells",
        "parameters": f"{lm.config.parameters:,}",
        "memory": f"{state:,} numbers (h and c), {size_text(4 * state)}, for a text of any length",
        "vocabulary": f"{len(lm.tokenizer):,} characters: {shown}{f' and {more:,} more' if more > 0 else ''}",
        **({"chat": json.dumps(asdict(lm.chat), ensure_ascii=False)} if lm.chat else {}),
        **{f"training {name}": _rounded(value) for name, value in lm.training.items() if value != ""},
    }


def _machine() -> dict[str, str]:
    """Returns what a report of a bug needs, without names of the user, of files or of the machine."""
    device = best_device()
    memory = free_memory(device)
    return {
        "char-lstm": __version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "system": f"{platform.system()} {platform.release()} on {platform.machine()}",
        "processor": f"{os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}",
        "device": f"{device.type} {gpu_name(device)}".strip() + (f", {size_text(memory)} free" if memory else ""),
        **{name: _version(name) for name in _PACKAGES},
        "compiled kernels": "used" if numba_available() else "not used",
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _rounded(value: object) -> str:
    """Returns a value of the record of the training as JSON, its numbers with five digits."""
    exact = json.dumps(value)
    return json.dumps(json.loads(exact, parse_float=lambda number: float(f"{float(number):.5g}")), ensure_ascii=False)


def _list(_arguments: argparse.Namespace) -> int:
    for name in map(bundled_spec, bundled_names()):
        lm, size = CharLSTM.from_pretrained(name), (checkpoint_folder(name) / WEIGHTS).stat().st_size
        corpus, loss = one_line(lm.training.get("corpus", ""), 40), lm.training.get("val_loss")
        measured = "" if loss is None else f"{loss:.3f} nats per character"
        print(f"{name:<22}{corpus:<27}{measured:<27}{size_text(size)}")
    return 0
