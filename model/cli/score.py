"""`python -m model score`: measures how surprised a model is by a text, in bits and nats per character.

`python -m model why`: measures how much each earlier character mattered for a character of a text.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable
from typing import Any

from ..attribution import WINDOW, occlusion
from ..scoring import score, score_adapting
from ..settings import UsageError
from ..terminal import size_text, table
from ..tokenizer import describe_unknown
from .arguments import add_command, add_precision
from .inputs import load_model, read_text


def add_to(commands: Any) -> None:
    """Adds the commands score and why."""
    text = "Measure how surprised a model is by a text, in bits per character."
    parser = add_command(commands, "score", text, _score)
    parser.add_argument("file", metavar="FILE", help="a text in UTF-8; - reads standard input")
    parser.add_argument(
        "--per-character", action="store_true", help="print a line for each character: its bits, a tab, the character"
    )
    parser.add_argument(
        "--adapt",
        action="store_true",
        help="let a copy of the model learn from each 32 characters before it reads the next ones (dynamic evaluation)",
    )
    text = f"Measure how much each of the {WINDOW} characters before a character mattered: each is left out in turn."
    parser = add_command(commands, "why", text, _why)
    parser.add_argument("text", metavar="TEXT", help="a text; - reads standard input, without its last line end")
    parser.add_argument("--at", type=int, metavar="N", help="the position of the character, from 0 (default: the last)")
    add_precision(parser)


def _score(arguments: argparse.Namespace) -> int:
    text = read_text(arguments.file)
    lm = load_model(arguments.model)
    result = score_adapting(lm, text) if arguments.adapt else score(lm, text)
    if not result.characters:
        name = "standard input" if arguments.file == "-" else repr(arguments.file)
        raise UsageError(f"{name} {'has no character that the model knows' if text else 'is empty'}: give another text")
    if arguments.per_character:
        _print_characters(text, result.bits.tolist(), ".4f")
    learns = "; the model learned from what it had read" if arguments.adapt else ""
    total = result.bpc * result.characters
    lines = {
        "characters": f"{result.characters:,}, read once, from an empty memory{learns}",
        "nats": f"{result.nats:.4f} per character",
        "bits": f"{result.bpc:.4f} per character",
        "total": f"{total:,.0f} bits, {size_text(int(total / 8))}",
    }
    if result.unknown:
        lines["unknown"] = f"{sum(each.times for each in result.unknown):,}: {describe_unknown(result.unknown)}"
    table(lines, sys.stderr if arguments.per_character else sys.stdout)
    return 0


def _why(arguments: argparse.Namespace) -> int:
    given = arguments.text
    text = read_text("-").removesuffix("\n") if given == "-" else given
    if not text:
        raise UsageError("TEXT is empty: it must have at least one character")
    at = len(text) - 1 if arguments.at is None else arguments.at
    if not 0 <= at < len(text):
        raise UsageError(f"--at is {at}: it must be from 0 to {len(text) - 1}")
    lm = load_model(arguments.model)
    found = occlusion(lm, text, at, precision=arguments.precision)
    left_out, changes = text[found.start : at], found.changes.tolist()
    _print_characters(left_out, changes, "+.4f")
    shown = "no prediction" if math.isnan(found.bits) else f"{found.bits:.4f} bits"
    columns = "the bits that it costs more without a character, that character"
    character = f"{json.dumps(text[at], ensure_ascii=False)} at {at}: {shown}"
    table({"character": character, "columns": columns}, sys.stderr)
    return 0


def _print_characters(text: str, values: Iterable[float], style: str) -> None:
    """Prints a line for each character: its value, a tab, the character as JSON."""
    for character, value in zip(text, values, strict=True):
        shown = "unknown" if math.isnan(value) else format(value, style)
        sys.stdout.write(f"{shown}\t{json.dumps(character, ensure_ascii=False)}\n")
