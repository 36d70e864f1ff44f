"""`python -m model score`: measures how surprised a model is by a text, in bits and nats per character.

`python -m model why`: measures how much each earlier character mattered for a character of a text.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable

from ..attribution import WINDOW, occlusion
from ..scoring.adaptation import score_adapting
from ..scoring.surprisal import Score, score
from ..settings import UsageError
from ..terminal import json_line, size_text, table
from ..tokenizer import describe_unknown
from .arguments import Commands, add_precision
from .inputs import check_argument, load_model, model_fields, read_text


def add_to(commands: Commands) -> None:
    """Adds the commands score and why."""
    parser = commands.add("score", "Measure how surprised a model is by a text, in bits per character.", _score)
    parser.add_argument("file", metavar="FILE", help="a text in UTF-8; - reads standard input")
    parser.add_argument(
        "--per-character", action="store_true", help="print a line for each character: its bits, a tab, the character"
    )
    parser.add_argument(
        "--adapt",
        action="store_true",
        help="let a copy of the model learn from each 32 characters before it reads the next ones (dynamic evaluation)",
    )
    text = "Measure how much each earlier character mattered for a character: each is left out in turn."
    parser = commands.add("why", text, _why)
    parser.add_argument("text", metavar="TEXT", help="a text; - reads standard input, without its last line end")
    parser.add_argument("--at", type=int, metavar="N", help="the position of the character, from 0 (default: the last)")
    parser.add_argument(
        "--window", type=int, default=WINDOW, metavar="N", help=f"characters that are left out (default {WINDOW})"
    )
    add_precision(parser)


def _score(arguments: argparse.Namespace) -> int:
    text = read_text(arguments.file)
    lm = load_model(arguments.model)
    result = score_adapting(lm, text) if arguments.adapt else score(lm, text)
    known = result.characters > 0
    if arguments.json:
        fields = {
            "protocol": "adapted" if arguments.adapt else "carried",
            "characters": result.characters,
            "nats": result.nats if known else None,
            "bpc": result.bpc if known else None,
            "total_bits": result.bpc * result.characters if known else 0.0,
            "bits": _rounded(result.bits.tolist()),
            "unknown": [each._asdict() for each in result.unknown],
        }
        print(json_line({**fields, **model_fields(lm)}))
        return 0
    if not known:
        name = "standard input" if arguments.file == "-" else repr(arguments.file)
        raise UsageError(f"{name} {'has no character that the model knows' if text else 'is empty'}: give another text")
    if arguments.per_character:
        _print_characters(text, result.bits.tolist(), ".4f")
    table(_lines(result, adapts=arguments.adapt), sys.stderr if arguments.per_character else sys.stdout)
    return 0


def _lines(result: Score, *, adapts: bool) -> dict[str, str]:
    total = result.bpc * result.characters
    learns = "; the model learned from what it had read" if adapts else ""
    lines = {
        "characters": f"{result.characters:,}, read once, from an empty memory{learns}",
        "nats": f"{result.nats:.4f} per character",
        "bits": f"{result.bpc:.4f} per character",
        "total": f"{total:,.0f} bits, {size_text(int(total / 8))}",
    }
    if result.unknown:
        lines["unknown"] = f"{sum(each.times for each in result.unknown):,}: {describe_unknown(result.unknown)}"
    return lines


def _why(arguments: argparse.Namespace) -> int:
    given = arguments.text
    text = read_text("-").removesuffix("\n") if given == "-" else check_argument("TEXT", given)
    if not text:
        raise UsageError("TEXT is empty: it must have at least one character")
    at = len(text) - 1 if arguments.at is None else arguments.at
    if not 0 <= at < len(text):
        raise UsageError(f"--at is {at}: it must be from 0 to {len(text) - 1}")
    if arguments.window < 1:
        raise UsageError(f"--window is {arguments.window}: it must be at least 1")
    lm = load_model(arguments.model)
    found = occlusion(lm, text, at, arguments.window, precision=arguments.precision)
    left_out, changes = text[found.start : at], found.changes.tolist()
    if arguments.json:
        (bits,) = _rounded([found.bits])
        fields = {"position": at, "start": found.start, "bits": bits, "changes": _rounded(changes)}
        print(json_line({**fields, "left_out": left_out, "character": text[at], **model_fields(lm)}))
        return 0
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


def _rounded(values: Iterable[float]) -> list[float | None]:
    """Returns numbers for JSON, which has no NaN: None stands for it."""
    return [None if math.isnan(value) else round(value, 6) for value in values]
