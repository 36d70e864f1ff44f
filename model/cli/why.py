"""`python -m model why`: measures how much each earlier character mattered for a character of a text."""

from __future__ import annotations

import argparse
import json
import math
import sys

from ..attribution import WINDOW, Occlusion, occlusion
from ..terminal import json_line, table
from .arguments import add_precision
from .inputs import check_argument, load_model, model_fields, normalized, read_standard_input

HELP = "Measure how much each earlier character mattered for a character: each is left out in turn."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("text", metavar="TEXT", help="a text; - reads standard input, without its last line end")
    parser.add_argument("--at", type=int, metavar="N", help="the position of the character, from 0 (default: the last)")
    parser.add_argument(
        "--window", type=int, default=WINDOW, metavar="N", help=f"characters that are left out (default {WINDOW})"
    )
    add_precision(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    given = arguments.text
    text = normalized(read_standard_input()).removesuffix("\n") if given == "-" else check_argument("TEXT", given)
    if not text:
        raise ValueError("TEXT is empty: it must have at least one character")
    at = len(text) - 1 if arguments.at is None else arguments.at
    if not 0 <= at < len(text):
        raise ValueError(f"--at is {at}: it must be from 0 to {len(text) - 1}")
    if arguments.window < 1:
        raise ValueError(f"--window is {arguments.window}: it must be at least 1")
    lm = load_model(arguments.model)
    found = occlusion(lm, text, at, arguments.window, precision=arguments.precision)
    left_out = text[found.start : at]
    if arguments.json:
        print(json_line({**_json(found), "left_out": left_out, "character": text[at], **model_fields(lm)}))
        return 0
    for character, change in zip(left_out, found.changes.tolist(), strict=True):
        shown = "unknown" if math.isnan(change) else f"{change:+.4f}"
        sys.stdout.write(f"{shown}\t{json.dumps(character, ensure_ascii=False)}\n")
    bits = "no prediction" if math.isnan(found.bits) else f"{found.bits:.4f} bits"
    shown_character = json.dumps(text[at], ensure_ascii=False)
    columns = "the bits that it costs more without a character, that character"
    table({"character": f"{shown_character} at {at}: {bits}", "columns": columns}, sys.stderr)
    return 0


def _json(found: Occlusion) -> dict[str, object]:
    return {
        "position": found.position,
        "start": found.start,
        "bits": None if math.isnan(found.bits) else round(found.bits, 6),
        "changes": [None if math.isnan(each) else round(each, 6) for each in found.changes.tolist()],
    }
