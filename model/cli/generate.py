"""`python -m model generate`: continues a prompt.

The text goes to standard output, in a terminal after its prompt. The speed and the seed go to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from typing import Any, TextIO

from ..engine.blend import DEFAULT_SHARE, Blend, LanguageModel
from ..engine.engine import Engine
from ..generation import Stream
from ..scoring import adapted
from ..settings import SETTINGS, SamplingParams, UsageError, number_or_text
from ..terminal import say, terminal_text
from ..tokenizer import describe_unknown
from .arguments import add_command, add_precision
from .inputs import load_model, normalized, read_text

INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended
_FLUSH_S = 1 / 30  # one system call per character would cost more than the character


def add_to(commands: Any) -> None:
    """Adds the command generate; the options of the generation settings come from `SETTINGS`."""
    parser = add_command(commands, "generate", "Continue a prompt.", _run)
    parser.add_argument("prompt", nargs="?", default="", help="the text to continue; - reads standard input")
    for name, setting in SETTINGS.items():
        default = DEFAULT_SHARE if name == "share" else setting.default
        shown = "random" if default is None else "empty" if default == "" else default
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=str if setting.type is str else number_or_text,
            default=setting.default,
            metavar={str: "TEXT", int: "N"}.get(setting.type, "X"),
            help=f"{setting.help} (default {shown})",
        )
    add_precision(parser)
    parser.add_argument(
        "--hold",
        type=lambda text: tuple(map(number_or_text, text.split(","))),
        action="append",
        default=[],
        metavar="LAYER,CELL,VALUE",
        help="clamp a cell to a value from -8 to 8 during the reply, as in 1,5,-4; up to 4 times (default none)",
    )
    parser.add_argument("--blend-with", metavar="MODEL", help="a second model, whose predictions are mixed in")
    parser.add_argument(
        "--adapt",
        default="",
        metavar="TEXT",
        help="read a text first and learn from it, then write in its style; @FILE reads a file (default none)",
    )
    parser.add_argument(
        "--chat", action="store_true", help="the prompt is a message and the text is the reply, for a model of chats"
    )


def _run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status, 130 after Ctrl-C."""
    params = _checked(arguments)
    prompt = read_text("-") if arguments.prompt == "-" else arguments.prompt
    lm = _load(arguments)
    if arguments.chat:
        if lm.chat is None:
            raise UsageError(f"{lm.name} was not trained on conversations: omit --chat")
        prompt, params = lm.chat.wrap(prompt), replace(params, stop=lm.chat.stop)
    engine = Engine(lm, max_slots=1, precision=arguments.precision)
    sequence = engine.add_request(prompt, params, clamps=arguments.hold)
    reply = Stream(engine, sequence)
    if sequence.unknown:
        say(f"notice: skipped characters that this model does not know: {describe_unknown(sequence.unknown)}")
    length, status = _write(reply, prompt, sys.stdout)
    speed = sequence.measured_chars_per_second
    seed = f"seed {params.seed}: --seed={params.seed} generates the same text again"
    say(f"{length:,} characters, {speed:,.0f} per second, {seed}")
    return status


def _checked(arguments: argparse.Namespace) -> SamplingParams:
    """Returns the sampling parameters, with a drawn seed if none was given."""
    params = SamplingParams(**{name: given for name in SETTINGS if (given := getattr(arguments, name)) is not None})
    if arguments.chat and params.stop:
        raise UsageError("--chat stops at the end of the reply: omit --stop")
    if arguments.adapt and arguments.blend_with is not None:
        raise UsageError("--adapt changes the weights of one model: omit --blend-with")
    if arguments.share is not None and arguments.blend_with is None:
        raise UsageError("--share needs a second model: add --blend-with MODEL, or omit --share")
    return params


def _load(arguments: argparse.Namespace) -> LanguageModel:
    lm = load_model(arguments.model)
    if arguments.adapt:
        given = arguments.adapt
        text = read_text(given[1:]) if given.startswith("@") else normalized(given)
        say(
            f"notice: learned from {len(text):,} characters. Other machines round gradients differently, so the same "
            "command may give another text elsewhere."
        )
        return adapted(lm, text)
    if arguments.blend_with is None:
        return lm
    share = DEFAULT_SHARE if arguments.share is None else arguments.share
    return Blend(lm, load_model(arguments.blend_with), share)


def _write(reply: Stream, prompt: str, out: TextIO) -> tuple[int, int]:
    """Streams a reply, to a terminal with its prompt before it; returns its length and the exit status."""
    terminal = out.isatty()
    show = terminal_text if terminal else str
    if terminal:
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        out.write(show(prompt) if plain or not prompt else f"\x1b[1m{show(prompt)}\x1b[0m")
    length, flushed, status = 0, 0.0, 0
    try:
        for piece in reply:
            out.write(show(piece))
            length += 1
            if (now := time.monotonic()) - flushed >= _FLUSH_S:
                out.flush()
                flushed = now
    except KeyboardInterrupt:
        status = INTERRUPTED
    if terminal and not reply.sequence.text.endswith("\n"):
        out.write("\n")
    out.flush()
    return length, status
