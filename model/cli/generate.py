"""`python -m model generate`: continues a prompt.

The text goes to standard output, in a terminal after its prompt. The seed, the speed and the command that generates the
same text go to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, replace
from typing import Any, TextIO

from ..char_lstm import CharLSTM, split_revision
from ..checkpoint.bundled import PRETRAINED
from ..engine.blend import DEFAULT_SHARE, Blend
from ..engine.language_model import LanguageModel
from ..generation import Stream, stream
from ..scoring.adaptation import adapted
from ..settings import SETTINGS, Precision, SamplingParams, draw_seed, number_or_text
from ..terminal import ctrl_c, json_line, quote_command, say, terminal_text
from ..tokenizer import describe_unknown
from .arguments import add_precision
from .inputs import check_argument, load_model, model_fields, normalized, read_file, read_standard_input

HELP = "Continue a prompt."
INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended
_FLUSH_S = 1 / 30  # one system call per character would cost more than the character


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """The options of the command line.

    Attributes:
        prompt: the prompt as it was typed; "-" is standard input.
        params: the sampling parameters, with a drawn seed if none was given.
        clamps: (layer, cell, value) of each --hold.
        share: the weight of the model of --blend-with; None when it was not given.
        adapt: the text from which the model learns first, or @FILE; "" for none.
    """

    prompt: str
    model: str
    params: SamplingParams
    precision: Precision | None
    clamps: tuple[Any, ...]
    blend_with: str | None
    share: float | None
    chat: bool
    adapt: str
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command; those of the generation settings come from `SETTINGS`."""
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


def read_options(arguments: argparse.Namespace) -> GenerateOptions:
    """Returns the checked options.

    Raises:
        ValueError: a setting is not allowed, or two options contradict each other.
    """
    check_argument("stop", arguments.stop)
    given = {name: getattr(arguments, name) for name in SETTINGS if name != "share"}
    params = SamplingParams(**{**given, "seed": draw_seed() if arguments.seed is None else arguments.seed})
    if arguments.chat and params.stop:
        raise ValueError("--chat stops at the end of the reply: omit --stop")
    if arguments.adapt and arguments.blend_with is not None:
        raise ValueError("--adapt changes the weights of one model: omit --blend-with")
    if arguments.share is not None and arguments.blend_with is None:
        raise ValueError("--share needs a second model: add --blend-with MODEL, or omit --share")
    return GenerateOptions(
        prompt=check_argument("the prompt", arguments.prompt),
        model=arguments.model,
        params=params,
        precision=arguments.precision,
        clamps=tuple(arguments.hold),
        blend_with=arguments.blend_with,
        share=arguments.share,
        chat=arguments.chat,
        adapt=check_argument("--adapt", arguments.adapt),
        json=arguments.json,
    )


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status, 130 after Ctrl-C."""
    options = read_options(arguments)
    prompt = read_standard_input() if options.prompt == "-" else options.prompt
    lm, params = _load(options), options.params
    if options.chat:
        if lm.chat is None:
            raise ValueError(f"{lm.name} was not trained on conversations: omit --chat")
        prompt, params = lm.chat.wrap(prompt), replace(params, stop=lm.chat.stop)
    settings = {name: value for name, value in vars(params).items() if name != "length"}
    reply = stream(
        lm, prompt, params.length, precision=options.precision, clamps=options.clamps, unknown="skip", **settings
    )
    if reply.sequence.unknown:
        say(f"notice: skipped characters that this model does not know: {describe_unknown(reply.sequence.unknown)}")
    command = _command(options, params, lm)
    if options.json:
        print(json_line(_json(lm, prompt, "".join(reply), reply, command)))
        return 0
    status = _write(reply, prompt, sys.stdout)
    sequence = reply.sequence
    speed = sequence.measured_chars_per_second
    say(f"{sequence.length:,} characters, {speed:,.0f} per second, seed {params.seed}; again: {command}")
    return status


def _load(options: GenerateOptions) -> LanguageModel:
    lm = load_model(options.model)
    if options.adapt:
        return _adapted(lm, options.adapt)
    if options.blend_with is None:
        return lm
    return Blend(lm, load_model(options.blend_with), DEFAULT_SHARE if options.share is None else options.share)


def _adapted(lm: CharLSTM, given: str) -> CharLSTM:
    """Returns the model after it has learned from a text, or from the file @FILE."""
    text = normalized(read_file(given[1:]) if given.startswith("@") else given)
    found = adapted(lm, text)
    say(
        f"notice: learned from {len(text):,} characters. Other machines round gradients differently, so the same "
        "command may give another text elsewhere."
    )
    return found


def _write(reply: Stream, prompt: str, out: TextIO) -> int:
    """Streams a reply, to a terminal with its prompt before it; returns the exit status."""
    terminal = out.isatty()
    show = terminal_text if terminal else str
    if terminal:
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        out.write(show(prompt) if plain or not prompt else f"\x1b[1m{show(prompt)}\x1b[0m")
    flushed = 0.0
    with ctrl_c(reply.abort):
        for piece in reply:
            out.write(show(piece))
            if (now := time.monotonic()) - flushed >= _FLUSH_S:
                out.flush()
                flushed = now
    if terminal and not reply.sequence.text.endswith("\n"):
        out.write("\n")
    out.flush()
    return INTERRUPTED if reply.sequence.finish_reason == "abort" else 0


def _json(lm: LanguageModel, prompt: str, text: str, reply: Stream, command: str) -> dict[str, object]:
    sequence = reply.sequence
    return {
        "prompt": prompt,
        "text": text,
        "seed": sequence.params.seed,
        "finish_reason": sequence.finish_reason,
        "unknown": [each.character for each in sequence.unknown],
        "chars_per_sec": round(sequence.measured_chars_per_second),
        "again": command,
        **model_fields(lm),
    }


def _command(options: GenerateOptions, params: SamplingParams, lm: LanguageModel) -> str:
    """Returns the command that generates the same text again."""
    words = [*f"python -m {__package__}".removesuffix(".cli").split(), "generate"]  # char_lstm in a wheel
    defaults = SamplingParams(seed=0)
    for name, value in vars(params).items():
        if name == "stop" and options.chat:
            words.append("--chat")
        elif name == "seed" or value != getattr(defaults, name):
            words.append(f"--{name.replace('_', '-')}={value}")
    if options.adapt:
        words.append(f"--adapt={options.adapt}")
    if options.precision:
        words.append(f"--precision={options.precision}")
    words += [f"--hold={layer},{cell},{value}" for layer, cell, value in options.clamps]
    first, *second = lm.models
    if options.model != str(PRETRAINED):
        words.append(f"--model={_at_commit(options.model, first)}")
    if second:
        words += [f"--blend-with={_at_commit(options.blend_with or '', *second)}", f"--share={lm.share}"]
    if options.prompt.startswith("-") and options.prompt != "-":
        words.append("--")
    return quote_command([*words, options.prompt] if options.prompt else words)


def _at_commit(model: str, lm: CharLSTM) -> str:
    name = split_revision(model)[0]
    return f"{name}@{lm.commit}" if lm.commit else name
