"""`python -m model info`: describes a model: its sizes, characters, files and training."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from ..char_lstm import CharLSTM, checkpoint_folder
from ..checkpoint.names import MODEL_FILES
from ..terminal import json_line, one_line, size_text, table, terminal_text
from .inputs import load_model, model_fields

HELP = "Describe a model: its sizes, characters, files and training."
_MAX_CHARACTERS = 200  # of the vocabulary that are shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds no arguments: the command has none of its own."""


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    lm = load_model(arguments.model)
    files = _file_sizes(arguments.model, lm)
    if arguments.json:
        print(json_line(_json(lm, files)))
    else:
        lines = {one_line(name, 60): terminal_text(line) for name, line in _lines(lm, files).items()}
        table(lines, sys.stdout)
    return 0


def _json(lm: CharLSTM, files: dict[str, int]) -> dict[str, object]:
    sizes = {name: size for name, size in vars(lm.config).items() if name != "vocab_size"}
    return {
        **model_fields(lm),
        **sizes,
        "parameters": lm.config.parameters,
        "vocab": list(lm.tokenizer.vocab),
        "chat": asdict(lm.chat) if lm.chat else None,
        "training": dict(lm.training),
        "files": files,
    }


def _lines(lm: CharLSTM, files: dict[str, int]) -> dict[str, str]:
    layers = "1 layer" if lm.config.num_layers == 1 else f"{lm.config.num_layers} layers"
    state = lm.config.num_layers * lm.config.hidden_size * 2
    return {
        "model": f"{lm.name} at {lm.commit}" if lm.commit else lm.name,
        "network": f"embedding of {lm.config.embedding_size}, {layers} of {lm.config.hidden_size} cells",
        "parameters": f"{lm.config.parameters:,}",
        "memory": f"{state:,} numbers (h and c), {size_text(4 * state)}, for a text of any length",
        "vocabulary": f"{len(lm.tokenizer):,} characters: {_vocabulary(lm.tokenizer.vocab)}",
        **({"chat": json.dumps(asdict(lm.chat), ensure_ascii=False)} if lm.chat else {}),
        "files": ", ".join(f"{name} {size_text(count)}" for name, count in files.items()),
        **{f"training {name}": _rounded(value) for name, value in lm.training.items() if value != ""},
    }


def _rounded(value: object) -> str:
    """Returns a value of the record of the training as JSON, its numbers with five digits."""
    exact = json.dumps(value)
    return json.dumps(json.loads(exact, parse_float=lambda number: float(f"{float(number):.5g}")), ensure_ascii=False)


def _file_sizes(model: str, lm: CharLSTM) -> dict[str, int]:
    if lm.commit is None:
        folder = checkpoint_folder(model)
        return {name: (folder / name).stat().st_size for name in MODEL_FILES}
    from huggingface_hub import try_to_load_from_cache

    paths = {name: try_to_load_from_cache(lm.name, name, revision=lm.commit) for name in MODEL_FILES}
    return {name: Path(path).stat().st_size for name, path in paths.items() if isinstance(path, str)}


def _vocabulary(vocab: tuple[str, ...]) -> str:
    shown = json.dumps("".join(vocab[:_MAX_CHARACTERS]), ensure_ascii=False)[1:-1]
    return shown if len(vocab) <= _MAX_CHARACTERS else f"{shown} and {len(vocab) - _MAX_CHARACTERS:,} more"
