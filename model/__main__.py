"""``python -m model``: generate, score and info in a terminal.

What is asked for goes to standard output, alone when it is piped; all that is about it (the seed, notices,
errors) goes to standard error. Knows the terminal; the work is done by the package's own verbs.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn, TextIO

from . import PRETRAINED, Blend, CharLSTM, LanguageModel, SamplingParams, Score, Stream, score, stream
from .char_lstm import checkpoint_folder, split_revision
from .checkpoint.names import MODEL_FILES
from .engine.blend import DEFAULT_SHARE
from .settings import SETTINGS, draw_seed, number_or_text
from .terminal import ctrl_c, forget_stdout, quote_command, say, size, table, terminal_text
from .tokenizer import describe_unknown

_FLUSH_S = 1 / 30  # as often as an eye can follow; one system call a character would cost more than the character
_INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C ended
_PROGRAM = f"python -m {__package__}"  # a wheel has another name for it
_PIPE_CLOSED = 141  # and for one whose reader went away


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 2 for an error, 130 after Ctrl-C."""
    for file in (sys.stdout, sys.stderr):
        if isinstance(file, io.TextIOWrapper):
            file.reconfigure(errors="backslashreplace")  # a terminal without Unicode must not end a reply
    try:
        options = _parser().parse_args(argv)
        command: Callable[[argparse.Namespace], int] = options.command
        status = command(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        forget_stdout()
        return _PIPE_CLOSED
    except (ValueError, OSError, RuntimeError) as error:
        say(f"error: {' '.join(str(error).split())}")
        return 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=_PROGRAM, description="A character LSTM in the terminal.", allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="generate | score | info")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        made.set_defaults(command=run)
        made.add_argument(
            "--model",
            default=str(PRETRAINED),
            metavar="MODEL",
            help="a checkpoint's or run's folder, or USER/NAME[@REVISION] on the Hub; the bundled model if not given",
        )
        made.add_argument("--json", action="store_true", help="one JSON object on standard output")
        return made

    write = command("generate", _generate, "Writes on from a prompt.")
    write.add_argument("prompt", nargs="?", default="", help="what stands before the reply; - reads standard input")
    for name, setting in SETTINGS.items():
        default = DEFAULT_SHARE if name == "share" else setting.default
        shown = "random" if default is None else "empty" if default == "" else default
        write.add_argument(
            f"--{name.replace('_', '-')}",
            type=str if setting.type is str else number_or_text,
            default=setting.default,
            metavar={str: "TEXT", int: "N"}.get(setting.type, "X"),
            help=f"{setting.help} (default {shown})",
        )
    write.add_argument(
        "--precision",
        "--arithmetic",  # its name until version 0.1
        choices=("int8", "float32"),
        help="int8 writes the same everywhere; what fits if not given",
    )
    write.add_argument(
        "--hold",
        type=lambda text: tuple(map(number_or_text, text.split(","))),
        action="append",
        default=[],
        metavar="LAYER,CELL,VALUE",
        help="a cell that is held at a value while it writes, from 0 as in 1,5,-4; up to four times",
    )
    write.add_argument("--blend-with", metavar="MODEL", help="another model, to write the text together with --model")
    write.add_argument(
        "--chat", action="store_true", help="the prompt is a visitor's turn, the reply one of a model that chats"
    )

    cost = command("score", _score, "Tells how surprised the model is by a text: the bits of each character.")
    cost.add_argument("file", metavar="FILE", help="a UTF-8 text; - reads standard input")
    cost.add_argument("--per-character", action="store_true", help="a line for each character: bits, tab, character")

    command("info", _info, "Tells what a model is.")
    return parser


# generate


def _generate(options: argparse.Namespace) -> int:
    prompt = _standard_input() if options.prompt == "-" else _argument("the prompt", options.prompt)
    _argument("stop", options.stop)
    asked = {name: getattr(options, name) for name in SETTINGS if name != "share"}
    params = SamplingParams(**{**asked, "seed": draw_seed() if options.seed is None else options.seed})
    if options.chat and params.stop:
        raise ValueError("--chat ends the reply at the turn's end: leave --stop away")
    if options.share is not None and options.blend_with is None:
        raise ValueError("--share is of a second model: name it with --blend-with")
    lm = _writer(options)
    if options.chat:
        if lm.chat is None:
            raise ValueError(f"{lm.name} has read no conversations that training knew of: leave --chat away")
        prompt, params = lm.chat.wrap(prompt), replace(params, stop=lm.chat.stop)
    settings = {name: value for name, value in vars(params).items() if name != "length"}
    writer = stream(
        lm, prompt, params.length, precision=options.precision, clamps=options.hold, unknown="skip", **settings
    )
    if writer.sequence.unknown:
        say(f"notice: skipped what this model does not know: {describe_unknown(writer.sequence.unknown)}")
    again = _again(options, params, lm)
    if options.json:
        print(json.dumps(_reply(lm, prompt, "".join(writer), writer, again), ensure_ascii=False))
        return 0
    status = _write(writer, prompt, sys.stdout)
    sequence = writer.sequence
    speed = sequence.measured_chars_per_second
    say(f"{sequence.length:,} characters, {speed:,.0f} a second, seed {params.seed}; again: {again}")
    return status


def _writer(options: argparse.Namespace) -> LanguageModel:
    lm = _load(options.model)
    if options.blend_with is None:
        return lm
    share = DEFAULT_SHARE if options.share is None else options.share
    return Blend(lm, _load(options.blend_with), share)


def _write(writer: Stream, prompt: str, out: TextIO) -> int:
    """Streams a reply to a terminal, with its prompt before it, or to a pipe, alone."""
    terminal = out.isatty()
    show = terminal_text if terminal else str
    if terminal:
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        out.write(show(prompt) if plain or not prompt else f"\x1b[1m{show(prompt)}\x1b[0m")
    flushed = 0.0
    with ctrl_c(writer.abort):
        for piece in writer:
            out.write(show(piece))
            if (now := time.monotonic()) - flushed >= _FLUSH_S:
                out.flush()
                flushed = now
    if terminal and not writer.sequence.text.endswith("\n"):
        out.write("\n")
    out.flush()
    return _INTERRUPTED if writer.sequence.finish_reason == "abort" else 0


def _reply(lm: LanguageModel, prompt: str, text: str, writer: Stream, again: str) -> dict[str, Any]:
    sequence = writer.sequence
    return {
        "prompt": prompt,
        "text": text,
        "seed": sequence.params.seed,
        "finish_reason": sequence.finish_reason,
        "unknown": [each.character for each in sequence.unknown],
        "chars_per_sec": round(sequence.measured_chars_per_second),
        "again": again,
        **_about(lm),
    }


def _again(options: argparse.Namespace, params: SamplingParams, lm: LanguageModel) -> str:
    """The command that writes the same text again."""
    words = [*_PROGRAM.split(), "generate"]
    defaults = SamplingParams(seed=0)
    for name, value in vars(params).items():
        if name == "stop" and options.chat:
            words.append("--chat")
        elif name == "seed" or value != getattr(defaults, name):
            words.append(f"--{name.replace('_', '-')}={value}")
    if options.precision:
        words.append(f"--precision={options.precision}")
    words += [f"--hold={layer},{cell},{value}" for layer, cell, value in options.hold]
    first, *second = lm.models
    if options.model != str(PRETRAINED):
        words.append(f"--model={_at_commit(options.model, first)}")
    if second:
        words += [f"--blend-with={_at_commit(options.blend_with, *second)}", f"--share={lm.share}"]
    if options.prompt.startswith("-") and options.prompt != "-":
        words.append("--")
    return quote_command([*words, options.prompt] if options.prompt else words)


def _at_commit(model: str, lm: CharLSTM) -> str:
    name = split_revision(model)[0]
    return f"{name}@{lm.commit}" if lm.commit else name


# score


def _score(options: argparse.Namespace) -> int:
    text = _plain(_standard_input() if options.file == "-" else _file(options.file))
    lm = _load(options.model)
    result = score(lm, text)
    if options.json:
        print(json.dumps(_score_json(result, lm), ensure_ascii=False))
        return 0
    if options.per_character:
        for character, bits in zip(text, result.bits.tolist(), strict=True):
            cost = "unknown" if bits != bits else f"{bits:.4f}"
            sys.stdout.write(f"{cost}\t{json.dumps(character, ensure_ascii=False)}\n")
    total = result.bpc * result.characters if result.characters else 0.0
    lines = {
        "characters": f"{result.characters:,}, read once from a memory of zeros, carried to the end",
        "nats": f"{result.nats:.4f} a character",
        "bits": f"{result.bpc:.4f} a character",
        "total": f"{total:,.0f} bits, {size(int(total / 8))}",
    }
    if result.unknown:
        lines["unknown"] = f"{sum(each.times for each in result.unknown):,}: {describe_unknown(result.unknown)}"
    table(lines, sys.stderr if options.per_character else sys.stdout)
    return 0


def _score_json(result: Score, lm: CharLSTM) -> dict[str, Any]:
    known = result.characters > 0
    return {
        "protocol": "carried",
        "characters": result.characters,
        "nats": result.nats if known else None,
        "bpc": result.bpc if known else None,
        "total_bits": result.bpc * result.characters if known else 0.0,
        "bits": [None if bits != bits else round(bits, 6) for bits in result.bits.tolist()],
        "unknown": [each._asdict() for each in result.unknown],
        **_about(lm),
    }


# info


def _info(options: argparse.Namespace) -> int:
    lm = _load(options.model)
    sizes = {name: size for name, size in vars(lm.config).items() if name != "vocab_size"}
    files = _file_sizes(options.model, lm)
    if options.json:
        about = {**_about(lm), **sizes, "parameters": lm.config.parameters, "vocab": list(lm.tokenizer.vocab)}
        about["chat"] = asdict(lm.chat) if lm.chat else None
        print(json.dumps({**about, "training": dict(lm.training), "files": files}, ensure_ascii=False))
        return 0
    layers = "1 layer" if lm.config.num_layers == 1 else f"{lm.config.num_layers} layers"
    state = lm.config.num_layers * lm.config.hidden_size * 2
    lines = {
        "model": f"{lm.name} at {lm.commit}" if lm.commit else lm.name,
        "network": f"embedding of {lm.config.embedding_size}, {layers} of {lm.config.hidden_size} cells",
        "parameters": f"{lm.config.parameters:,}",
        "memory": f"{state:,} numbers (h and c), {size(4 * state)} however long the text",
        "vocabulary": f"{len(lm.tokenizer):,} characters: {_alphabet(lm.tokenizer.vocab)}",
        **({"chat": json.dumps(asdict(lm.chat), ensure_ascii=False)} if lm.chat else {}),
        "files": ", ".join(f"{name} {size(count)}" for name, count in files.items()),
        **{f"training {name}": _short(value) for name, value in lm.training.items() if value != ""},
    }
    table({name: terminal_text(line) for name, line in lines.items()}, sys.stdout)
    return 0


def _short(value: object) -> str:
    """A value of the training's summary, its numbers as long as anyone reads them."""
    exact = json.dumps(value)
    return json.dumps(json.loads(exact, parse_float=lambda number: float(f"{float(number):.5g}")), ensure_ascii=False)


def _file_sizes(model: str, lm: CharLSTM) -> dict[str, int]:
    if lm.commit is None:
        folder = checkpoint_folder(model)
        paths: dict[str, Any] = {name: folder / name for name in MODEL_FILES}
    else:
        from huggingface_hub import try_to_load_from_cache

        paths = {name: try_to_load_from_cache(lm.name, name, revision=lm.commit) for name in MODEL_FILES}
    return {name: Path(path).stat().st_size for name, path in paths.items()}


def _alphabet(vocab: tuple[str, ...], most: int = 200) -> str:
    shown = json.dumps("".join(vocab[:most]), ensure_ascii=False)[1:-1]
    return shown if len(vocab) <= most else f"{shown} and {len(vocab) - most:,} more"


# what is read


def _load(model: str) -> CharLSTM:
    name, revision = split_revision(model)
    lm = CharLSTM.from_pretrained(name, revision=revision)
    if lm.notice:
        say(f"notice: {lm.notice}")
    return lm


def _about(lm: LanguageModel) -> dict[str, Any]:
    first, *second = lm.models
    about: dict[str, Any] = {"model": first.name, "commit": first.commit}
    if second:
        about |= {"blend_with": second[0].name, "blend_commit": second[0].commit, "share": lm.share}
    return about


def _standard_input() -> str:
    return _decode("standard input", sys.stdin.buffer.read())


def _file(name: str) -> str:
    try:
        return _decode(name, Path(name).read_bytes())
    except OSError as error:
        raise OSError(f"cannot read {name}: {error.strerror}") from None


def _decode(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8: byte {error.start:,} is 0x{data[error.start]:02x}") from None


def _argument(name: str, text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{name} is not UTF-8")
    return text


def _plain(text: str) -> str:
    """As training reads a text: without a byte order mark, lines ending in one way."""
    return re.sub("\r\n?", "\n", text.removeprefix("\ufeff"))


if __name__ == "__main__":
    sys.exit(main())
