"""`python -m model score`: measures how surprised a model is by a text, in bits and nats per character."""

from __future__ import annotations

import argparse
import json
import math
import sys

from ..char_lstm import CharLSTM
from ..scoring.adaptation import score_adapting
from ..scoring.surprisal import Score, score
from ..terminal import json_line, size_text, table
from ..tokenizer import describe_unknown
from .inputs import load_model, model_fields, normalized, read_file, read_standard_input

HELP = "Measure how surprised a model is by a text, in bits per character."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("file", metavar="FILE", help="a text in UTF-8; - reads standard input")
    parser.add_argument(
        "--per-character", action="store_true", help="print a line for each character: its bits, a tab, the character"
    )
    parser.add_argument(
        "--adapt",
        action="store_true",
        help="let a copy of the model learn from each 32 characters before it reads the next ones (dynamic evaluation)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    text = normalized(read_standard_input() if arguments.file == "-" else read_file(arguments.file))
    lm = load_model(arguments.model)
    result = score_adapting(lm, text) if arguments.adapt else score(lm, text)
    if arguments.json:
        print(json_line(_json(result, lm, adapts=arguments.adapt)))
        return 0
    if not result.characters:
        name = "standard input" if arguments.file == "-" else repr(arguments.file)
        raise ValueError(f"{name} {'has no character that the model knows' if text else 'is empty'}: give another text")
    if arguments.per_character:
        for character, bits in zip(text, result.bits.tolist(), strict=True):
            shown = "unknown" if math.isnan(bits) else f"{bits:.4f}"
            sys.stdout.write(f"{shown}\t{json.dumps(character, ensure_ascii=False)}\n")
    table(_lines(result, adapts=arguments.adapt), sys.stderr if arguments.per_character else sys.stdout)
    return 0


def _lines(result: Score, *, adapts: bool) -> dict[str, str]:
    total = result.bpc * result.characters if result.characters else 0.0
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


def _json(result: Score, lm: CharLSTM, *, adapts: bool) -> dict[str, object]:
    known = result.characters > 0
    return {
        "protocol": "adapted" if adapts else "carried",
        "characters": result.characters,
        "nats": result.nats if known else None,
        "bpc": result.bpc if known else None,
        "total_bits": result.bpc * result.characters if known else 0.0,
        "bits": [None if math.isnan(bits) else round(bits, 6) for bits in result.bits.tolist()],
        "unknown": [each._asdict() for each in result.unknown],
        **model_fields(lm),
    }
