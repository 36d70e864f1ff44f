"""`python -m model info` describes a model; `python -m model list` lists the models that come with the project."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from ..char_lstm import CharLSTM, checkpoint_folder
from ..checkpoint.bundled import bundled_names, bundled_spec
from ..checkpoint.names import MODEL_FILES, WEIGHTS
from ..terminal import json_line, one_line, size_text, table, terminal_text
from .arguments import Commands
from .inputs import load_model, model_fields

_MAX_CHARACTERS = 200  # of the vocabulary that are shown


def add_to(commands: Commands) -> None:
    """Adds the commands info and list."""
    commands.add("info", "Describe a model: its sizes, characters, files and training.", _info)
    commands.add("list", "List the models that come with the project.", _list, model=False)


def _info(arguments: argparse.Namespace) -> int:
    lm = load_model(arguments.model)
    files = _file_sizes(arguments.model, lm)
    if arguments.json:
        sizes = {name: size for name, size in vars(lm.config).items() if name != "vocab_size"}
        fields = {
            "parameters": lm.config.parameters,
            "vocab": list(lm.tokenizer.vocab),
            "chat": asdict(lm.chat) if lm.chat else None,
            "training": dict(lm.training),
            "files": files,
        }
        print(json_line({**model_fields(lm), **sizes, **fields}))
        return 0
    table({one_line(name, 60): terminal_text(line) for name, line in _lines(lm, files).items()}, sys.stdout)
    return 0


def _lines(lm: CharLSTM, files: dict[str, int]) -> dict[str, str]:
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


def _list(arguments: argparse.Namespace) -> int:
    models = []
    for name in map(bundled_spec, bundled_names()):
        lm, size = CharLSTM.from_pretrained(name), (checkpoint_folder(name) / WEIGHTS).stat().st_size
        corpus, licence, loss = (lm.training.get(field) for field in ("corpus", "license", "val_loss"))
        facts = {"model": name, "corpus": corpus, "license": licence, "val_loss": loss}
        models.append({**facts, "parameters": lm.config.parameters, "bytes": size})
        if not arguments.json:
            measured = f"{loss:.3f} nats per character" if isinstance(loss, float) else ""
            print(f"{name:<22}{one_line(str(corpus), 40):<27}{measured:<27}{size_text(size)}")
    if arguments.json:
        print(json_line({"models": models}))
    return 0
