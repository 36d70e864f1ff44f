"""The command line: ``python -m training my.txt --minutes 10 --push-to user/name``.

Everything that can go wrong later is tried first: options, the text, the folder, the right to push. Then it says
what it will do and how long it takes, does it, and ends with the next commands to type.
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch

from model import CharTokenizer
from model.checkpoint import CheckpointError

from . import privacy
from .corpus import Corpus, CorpusError, check_length, read_corpus
from .dataset import split
from .hub import Destination, HubError, Pusher, check_repo_name, preflight, push_pending, read_destination
from .measure import fit_minutes
from .outbox import Entry
from .recipe import PRESETS, Recipe, preset_for, regularised
from .run_folder import RunError, RunFolder, read_metrics
from .session import EVALUATED, Session, versions

DEFAULT_MINUTES = 5.0
_OVERRIDES = ("embedding_size", "hidden_size", "num_layers", "batch", "window", "lr", "matrix_lr", "seed")
_PUSH_AT_END_S = 120.0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        if arguments[:1] == ["push"]:
            return _push(arguments[1:])
        return _train(arguments)
    except (CorpusError, RunError, HubError, CheckpointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped before the first step: nothing was written", file=sys.stderr)
        return 130


def _train(arguments: Sequence[str]) -> int:
    start = time.monotonic()
    options = _parser().parse_args(arguments)
    _check(options)
    session = _resumed(options) if options.resume else _fresh(options, arguments, start)
    if session.pusher:
        audience = "private" if options.private else "public: anyone can read it and what it has learned"
        _say(f"Pushing to {session.about['repo']} ({audience}).")
    code = session.run()
    _close(session, code)
    return code


def _fresh(options: argparse.Namespace, arguments: Sequence[str], start: float) -> Session:
    corpus = _read(options)
    destination = _destination(options, corpus)
    tokenizer, ids = _characters(corpus)
    recipe, preset = _recipe(options, corpus, len(tokenizer), ids, start)
    folder = RunFolder(options.out or _free_folder(corpus), resume=False)
    folder.write_sources(options.text)
    about = {
        "preset": preset,
        "license": options.license,
        "repo": destination.repo if destination else "",
        "command": _public_command(arguments, options),
        **versions(),
    }
    pusher = Pusher(destination, folder.path, report=_say) if destination else None
    return Session.prepare(folder, corpus, ids, tokenizer, recipe, about=about, pusher=pusher, start=start)


def _resumed(options: argparse.Namespace) -> Session:
    frozen = [name for name in (*_OVERRIDES, "preset", "minutes", "steps") if getattr(options, name) is not None]
    if frozen:
        raise RunError(f"--{frozen[0].replace('_', '-')} is frozen in the run: resume without it")
    folder = RunFolder(options.resume, resume=True)
    step_folder, about, tensors = folder.newest_whole(warn=lambda line: _say(f"warning: {line}"))
    options.text = options.text or folder.read_sources()
    corpus = _read(options)
    saved = about["corpus"]
    if corpus.sha256 != saved["sha256"]:
        raise RunError(
            f"the text is not the one this run began with ({saved['characters']:,} characters then, "
            f"{corpus.characters:,} now, or changed inside): resume with that text, or start another run"
        )
    destination = _destination(options, corpus)
    if destination is None and (folder.path / "outbox" / "destination.json").exists():
        destination = read_destination(folder.path)
    tokenizer, ids = _characters(corpus)
    description = {**about["about"], "repo": destination.repo if destination else ""}
    pusher = Pusher(destination, folder.path, report=_say) if destination else None
    session = Session.prepare(
        folder,
        corpus,
        ids,
        tokenizer,
        Recipe(**about["recipe"]),
        about=description,
        pusher=pusher,
        began_s=about["seconds"],
        metrics=read_metrics(step_folder),
    )
    try:
        session.trainer.load_state_tensors(tensors)
    except ValueError as error:
        raise RunError(str(error)) from None
    steps = session.trainer.recipe.steps
    _say(f"Going on from step {session.trainer.steps_done:,} of {steps:,}.")
    return session


def _read(options: argparse.Namespace) -> Corpus:
    _say(f"Reading {', '.join(options.text) or 'the documentation that ships inside Python'} …")
    corpus = read_corpus(options.text, errors=options.errors)
    for warning in corpus.warnings:
        _say(f"warning: {warning}")
    check_length(corpus, 100, "training")
    return corpus


def _destination(options: argparse.Namespace, corpus: Corpus) -> Destination | None:
    """Where to push, once it is sure that one may: both the person, and the text."""
    if not options.push_to:
        return None
    check_repo_name(options.push_to)
    if not options.private and not options.publish_anyway:
        found = privacy.report(privacy.scan(corpus.text), corpus.locate)
        if found:
            raise RunError(f"nothing was trained or published.\n{found}")
    _say(f"Making sure that {options.push_to} can be pushed to …")
    return preflight(options.push_to, private=options.private)


def _characters(corpus: Corpus) -> tuple[CharTokenizer, np.ndarray[tuple[int], np.dtype[np.int32]]]:
    tokenizer = CharTokenizer.from_text(corpus.text)
    _say(f"{corpus.characters:,} characters, {len(tokenizer):,} of them distinct.")
    if len(tokenizer) == 1:
        _say("warning: the text is one character again and again; so will be what the model writes")
    return tokenizer, tokenizer.encode(corpus.text).astype(np.int32)


def _recipe(
    options: argparse.Namespace,
    corpus: Corpus,
    vocab_size: int,
    ids: np.ndarray[tuple[int], np.dtype[np.int32]],
    start: float,
) -> tuple[Recipe, str]:
    """What will be done, from the options, the text and a look at the machine."""
    minutes = options.minutes or (None if options.steps else DEFAULT_MINUTES)
    preset = options.preset or preset_for(minutes or DEFAULT_MINUTES, corpus.characters)
    chosen = {name: getattr(options, name) for name in _OVERRIDES if getattr(options, name) is not None}
    train, validation = split(ids)
    recipe = replace(PRESETS[preset], **chosen)
    recipe = replace(recipe, window=min(recipe.window, len(train) - 1))
    recipe = replace(recipe, batch=max(1, min(recipe.batch, len(train) // recipe.window)))
    if options.steps:
        recipe = replace(recipe, steps=options.steps, bfloat16=torch.cuda.is_available())
    else:
        _say("Measuring this machine …")
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        read = min(len(validation), EVALUATED)
        spent_s = time.monotonic() - start
        recipe, rate = fit_minutes(recipe, minutes or DEFAULT_MINUTES, vocab_size, train, read, device, spent_s)
        _say(f"{rate:,.0f} characters a second{' in bfloat16' if recipe.bfloat16 else ''}.")
    passes = recipe.characters / len(train)
    if not options.no_fit:
        recipe = regularised(recipe, passes)
    time_text = "" if options.steps else f", about {minutes or DEFAULT_MINUTES:g} minutes"
    _say(
        f"Training '{preset}': {recipe.num_layers} × {recipe.hidden_size} cells, {recipe.steps:,} steps of "
        f"{recipe.batch} × {recipe.window} characters, {passes:.1f} passes over the text{time_text}."
    )
    return recipe, preset


def _close(session: Session, code: int) -> None:
    """Says how it ended, what is where, and what to type next."""
    path = shlex.quote(str(session.folder.path))
    unpushed: tuple[Entry, ...] = ()
    if session.pusher:
        if session.pusher.waiting():
            _say("Pushing what is left …")
        unpushed = session.pusher.close(_PUSH_AT_END_S).waiting
    if code == 0:
        best = min(session.metrics, key=lambda line: line["val_loss"])
        _say(
            f"\nDone. Best at step {best['step']:,}: {best['val_loss']:.4f} nats, "
            f"{best['val_loss'] / math.log(2):.3f} bits a character (cold256: {best['val_cold256']:.4f} nats)."
        )
    elif code > 128:
        _say(f"Stopped at step {session.trainer.steps_done:,}. To go on:\n  python -m training --resume {path}")
    prompt = shlex.quote((session.lm().training.get("examples") or [""])[0])
    _say(f"To read more of it:\n  python -m model generate {prompt} --model {path}")
    _say(f"To play with it in the browser:\n  python app.py --model {path}")
    if unpushed:
        _say(f"Not on the Hub yet: {len(unpushed)}. To push them:\n  python -m training push {path}")
    elif session.pusher:
        _say(f"On the Hub: {session.about['repo']}")
    session.folder.close()


def _push(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m training push", description="Push what a run still has to push.")
    parser.add_argument("run", metavar="RUN", help="a run folder")
    report = push_pending(parser.parse_args(arguments).run, report=_say)
    _say(f"Pushed {len(report.pushed)}, {len(report.waiting)} left{f': {report.error}' if report.error else ''}.")
    return 1 if report.waiting else 0


def _check(options: argparse.Namespace) -> None:
    """Options that no recipe checks."""
    if options.minutes is not None and not (0 < options.minutes <= 100_000):
        raise RunError(f"--minutes is {options.minutes:g}: it must be above 0 and at most 100,000")
    if options.minutes is not None and options.steps is not None:
        raise RunError("--minutes and --steps both say how long: give one of them")
    if options.resume and options.out:
        raise RunError("--resume goes on in its own folder: leave --out away")
    chosen = {name: getattr(options, name) for name in (*_OVERRIDES, "steps") if getattr(options, name) is not None}
    try:
        replace(PRESETS[options.preset or "medium"], **chosen)
    except ValueError as error:
        raise RunError(f"--{error}") from None


def _free_folder(corpus: Corpus) -> Path:
    """runs/NAME, or with a number behind it if that is taken."""
    names = [corpus.name, *(f"{corpus.name}-{number}" for number in range(2, 1000))]
    return next(path for path in (Path("runs") / name for name in names) if not path.exists())


def _public_command(arguments: Sequence[str], options: argparse.Namespace) -> str:
    """The command as it may be published: files by their last name only."""
    texts = {text: Path(text).name or text for text in options.text if "://" not in text}
    paths = {options.out or "": "", **texts}
    shown = [paths.get(argument, argument) for argument in arguments]
    kept = [word for at, word in enumerate(shown) if word != "--out" and (at == 0 or shown[at - 1] != "--out")]
    return shlex.join(["python", "-m", "training", *kept])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Turn a text into a character LSTM.",
        epilog="python -m training push RUN pushes what a run still has to push.",
    )
    parser.add_argument(
        "text",
        metavar="TEXT",
        nargs="*",
        help="files, folders, globs, -, http(s)://…, hf://datasets/…; none: Python's docs",
    )
    parser.add_argument("--out", metavar="FOLDER", help="where to keep the run; else runs/NAME, named after the text")
    parser.add_argument(
        "--minutes", type=float, help=f"how long, on this machine; {DEFAULT_MINUTES:g} if nothing is said"
    )
    parser.add_argument("--steps", type=int, help="how long, in steps")
    parser.add_argument("--preset", choices=PRESETS, help="how large; else what fits the minutes")
    parser.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped")
    parser.add_argument("--errors", choices=("strict", "replace"), default="strict", help="what to do with bad UTF-8")
    hub = parser.add_argument_group("the Hub")
    hub.add_argument("--push-to", metavar="USER/NAME", help="push checkpoints there while it trains")
    hub.add_argument("--private", action="store_true", help="make the repo private")
    hub.add_argument("--license", metavar="ID", default="unknown", help="the text's licence, for the card")
    hub.add_argument(
        privacy.GO_ON_OPTION, dest="publish_anyway", action="store_true", help="publish what looks private"
    )
    recipe = parser.add_argument_group("the recipe, where you know better")
    kinds = {field.name: field.type for field in fields(Recipe)}
    for name in _OVERRIDES:
        recipe.add_argument(f"--{name.replace('_', '-')}", type=int if kinds[name] == "int" else float, dest=name)
    recipe.add_argument(
        "--no-fit", action="store_true", help="keep the preset's dropout, however often the text is read"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
