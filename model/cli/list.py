"""`python -m model list`: the models that come with the project, in `bundled:NAME`."""

from __future__ import annotations

import argparse

from ..char_lstm import CharLSTM, checkpoint_folder
from ..checkpoint.bundled import bundled_names, bundled_spec
from ..checkpoint.names import WEIGHTS
from ..terminal import json_line, one_line, size_text

HELP = "List the models that come with the project."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds no arguments: the command has none of its own."""


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    models = [_facts(bundled_spec(name)) for name in bundled_names()]
    if arguments.json:
        print(json_line({"models": models}))
        return 0
    for facts in models:
        loss, size = facts["val_loss"], facts["bytes"]
        measured = f"{loss:.3f} nats per character" if isinstance(loss, float) else ""
        name, corpus = str(facts["model"]), one_line(str(facts["corpus"]), 40)
        print(f"{name:<22}{corpus:<27}{measured:<27}{size_text(size) if isinstance(size, int) else ''}")
    return 0


def _facts(spec: str) -> dict[str, object]:
    lm = CharLSTM.from_pretrained(spec)
    size = (checkpoint_folder(spec) / WEIGHTS).stat().st_size
    noted = {name: lm.training.get(name) for name in ("corpus", "license", "val_loss")}
    return {"model": spec, **noted, "parameters": lm.config.parameters, "bytes": size}
