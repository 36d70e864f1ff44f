"""``python -m model``: generate, score and info in a terminal.

What is asked for goes to standard output, alone when it is piped; all that is about it (the seed, notices,
errors) goes to standard error. Knows the terminal; the work is done by the package's own verbs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

from . import PRETRAINED, CharLSTM, SamplingParams, Score, Stream, score, stream
from .char_lstm import checkpoint_folder, split_revision
from .checkpoint import SERVED
from .sampler import number_or_text
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
        _forget_stdout()
        return _PIPE_CLOSED
    except (ValueError, OSError, RuntimeError) as error:
        _say(f"error: {' '.join(str(error).split())}")
        return 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=_PROGRAM, description="A character LSTM in the terminal.", allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="generate | score | info")
    defaults = SamplingParams(seed=0)

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
    write.add_argument("--length", type=number_or_text, default=defaults.length, help="characters (%(default)s)")
    write.add_argument(
        "--temperature",
        type=number_or_text,
        default=defaults.temperature,
        help="0 is always the likeliest (%(default)s)",
    )
    write.add_argument(
        "--top-k", type=number_or_text, default=defaults.top_k, help="only the k likeliest; 0 is all of them"
    )
    write.add_argument(
        "--top-p", type=number_or_text, default=defaults.top_p, help="only the likeliest with this probability together"
    )
    write.add_argument("--seed", type=number_or_text, help="0 to 2^32 - 1; the same seed gives the same text")
    write.add_argument(
        "--arithmetic",
        choices=("int8", "float32"),
        help="int8 writes the same everywhere; what fits if not given",
    )
    write.add_argument("--stop", default=defaults.stop, metavar="TEXT", help="the reply ends before this text")
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
    params = SamplingParams(
        options.temperature,
        options.length,
        options.top_k,
        options.top_p,
        SamplingParams().seed if options.seed is None else options.seed,
        _argument("stop", options.stop),
    )
    if options.chat and params.stop:
        raise ValueError("--chat ends the reply at the turn's end: leave --stop away")
    lm = _load(options.model)
    if options.chat:
        if lm.chat is None:
            raise ValueError(f"{lm.name} has read no conversations that training knew of: leave --chat away")
        prompt, params = lm.chat.wrap(prompt), replace(params, stop=lm.chat.stop)
    settings = {name: value for name, value in vars(params).items() if name != "length"}
    writer = stream(lm, prompt, params.length, arithmetic=options.arithmetic, **settings)
    if writer.sequence.unknown:
        _say(f"notice: skipped what this model does not know: {describe_unknown(writer.sequence.unknown)}")
    again = _again(options, params, lm)
    if options.json:
        print(json.dumps(_reply(lm, prompt, "".join(writer), writer, again), ensure_ascii=False))
        return 0
    status = _write(writer, prompt, sys.stdout)
    sequence = writer.sequence
    _say(f"{sequence.length:,} characters, {sequence.chars_per_sec:,.0f} a second, seed {params.seed}; again: {again}")
    return status


def _write(writer: Stream, prompt: str, out: TextIO) -> int:
    """Streams a reply to a terminal, with its prompt before it, or to a pipe, alone."""
    terminal = out.isatty()
    show = _visible if terminal else str
    if terminal:
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        out.write(show(prompt) if plain or not prompt else f"\x1b[1m{show(prompt)}\x1b[0m")
    flushed = 0.0
    with _ctrl_c(writer.abort):
        for piece in writer:
            out.write(show(piece))
            if (now := time.monotonic()) - flushed >= _FLUSH_S:
                out.flush()
                flushed = now
    if terminal and not writer.sequence.text.endswith("\n"):
        out.write("\n")
    out.flush()
    return _INTERRUPTED if writer.sequence.finish_reason == "abort" else 0


def _reply(lm: CharLSTM, prompt: str, text: str, writer: Stream, again: str) -> dict[str, Any]:
    sequence = writer.sequence
    return {
        "prompt": prompt,
        "text": text,
        "seed": sequence.params.seed,
        "finish_reason": sequence.finish_reason,
        "unknown": [each.character for each in sequence.unknown],
        "chars_per_sec": round(sequence.chars_per_sec),
        "again": again,
        **_about(lm),
    }


def _again(options: argparse.Namespace, params: SamplingParams, lm: CharLSTM) -> str:
    """The command that writes the same text again."""
    words = [*_PROGRAM.split(), "generate"]
    defaults = SamplingParams(seed=0)
    for name, value in vars(params).items():
        if name == "stop" and options.chat:
            words.append("--chat")
        elif name == "seed" or value != getattr(defaults, name):
            words.append(f"--{name.replace('_', '-')}={value}")
    if options.arithmetic:
        words.append(f"--arithmetic={options.arithmetic}")
    if options.model != str(PRETRAINED):
        name = split_revision(options.model)[0]
        words.append(f"--model={name}@{lm.commit}" if lm.commit else f"--model={name}")
    if options.prompt.startswith("-") and options.prompt != "-":
        words.append("--")
    return shlex.join([*words, options.prompt] if options.prompt else words)


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
        "total": f"{total:,.0f} bits, {_size(int(total / 8))}",
    }
    if result.unknown:
        lines["unknown"] = f"{sum(each.times for each in result.unknown):,}: {describe_unknown(result.unknown)}"
    _table(lines, sys.stderr if options.per_character else sys.stdout)
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
        "memory": f"{state:,} numbers (h and c), {_size(4 * state)} however long the text",
        "vocabulary": f"{len(lm.tokenizer):,} characters: {_alphabet(lm.tokenizer.vocab)}",
        **({"chat": json.dumps(asdict(lm.chat), ensure_ascii=False)} if lm.chat else {}),
        "files": ", ".join(f"{name} {_size(size)}" for name, size in files.items()),
        **{f"training {name}": json.dumps(value, ensure_ascii=False) for name, value in lm.training.items()},
    }
    _table({name: _visible(line) for name, line in lines.items()}, sys.stdout)
    return 0


def _file_sizes(model: str, lm: CharLSTM) -> dict[str, int]:
    if lm.commit is None:
        folder = checkpoint_folder(model)
        paths: dict[str, Any] = {name: folder / name for name in SERVED}
    else:
        from huggingface_hub import try_to_load_from_cache

        paths = {name: try_to_load_from_cache(lm.name, name, revision=lm.commit) for name in SERVED}
    return {name: Path(path).stat().st_size for name, path in paths.items()}


def _alphabet(vocab: tuple[str, ...], most: int = 200) -> str:
    shown = json.dumps("".join(vocab[:most]), ensure_ascii=False)[1:-1]
    return shown if len(vocab) <= most else f"{shown} and {len(vocab) - most:,} more"


# the terminal


@contextlib.contextmanager
def _ctrl_c(end: Callable[[], None]) -> Iterator[None]:
    """Lets Ctrl-C end the work in good order instead of between any two instructions; the second one is at once."""

    def handle(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        end()

    before = signal.getsignal(signal.SIGINT)
    ours = before is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if not ours:  # ignored, as in a background job, or somebody else's
        yield
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _load(model: str) -> CharLSTM:
    name, revision = split_revision(model)
    lm = CharLSTM.from_pretrained(name, revision=revision)
    if lm.notice:
        _say(f"notice: {lm.notice}")
    return lm


def _about(lm: CharLSTM) -> dict[str, Any]:
    return {"model": lm.name, "commit": lm.commit}


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


def _visible(text: str) -> str:
    """Control characters as pictures: a model may have learned escape sequences, which a terminal would obey."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: _picture(ord(found[0])), text)


def _picture(code: int) -> str:
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else f"<{code:02X}>"


def _size(count: int) -> str:
    amount, unit = (count / 1e6, "MB") if count >= 1_000_000 else (count / 1e3, "kB")
    return f"{count} bytes" if count < 1000 else f"{amount:.1f} {unit}"


def _table(lines: dict[str, str], out: TextIO) -> None:
    width = max(len(name) for name in lines) + 2
    for name, line in lines.items():
        out.write(f"{name:<{width}}{line}\n")


def _say(line: str) -> None:
    """A line about the work, to standard error, after what is already written."""
    sys.stdout.flush()
    print(line, file=sys.stderr, flush=True)


def _forget_stdout() -> None:
    # The reader went away; Python would complain once more when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
