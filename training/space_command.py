"""``python -m training space MODEL``, and ``--space`` of a training: a page for a model, in a folder or on the Hub."""

from __future__ import annotations

import argparse
import shlex
import tempfile
from pathlib import Path

from model import CharLSTM
from model.char_lstm import is_local, split_revision

from .console import say
from .hub import HubError, read_destination
from .options import OptionsError
from .run_folder import RunFolder
from .space import STATIC, title_of, write_app, write_static
from .space_hub import Space, preflight_space, publish, wait_until_up, why


def make_space(options: argparse.Namespace) -> int:
    """Does what was asked for (see ``options.parse_space``); returns the exit code."""
    try:
        name, revision = split_revision(options.model)
    except ValueError as error:
        raise OptionsError(str(error)) from None
    repo = _repo_of(name)
    space = None
    if options.space is not None:
        say(f"A page on {why(options.hardware)}.")
        space = preflight_space(options.space, hardware=options.hardware, private=options.private, model=repo)
    lm = CharLSTM.from_pretrained(name, revision=revision)
    if options.out is not None:
        folder = Path(options.out).expanduser()
        _write(folder, lm, options.hardware)
        _say_where(folder, options.hardware)
    if space is not None:
        put_up(space, lm, repo if revision is None or repo is None else f"{repo}@{revision}")
    return 0


def space_before(options: argparse.Namespace, repo: str) -> Space | None:
    """The Space of a training, made sure of before its first step; None when none was asked for."""
    if options.space is None:
        return None
    say(f"A page on {why(options.hardware)}.")
    return preflight_space(options.space, hardware=options.hardware, private=options.private, model=repo or None)


def put_up_best(space: Space, run: RunFolder, repo: str) -> int:
    """Brings a run's best checkpoint to its page; returns the exit code."""
    try:
        best = run.best()
        if best is None:
            raise HubError("this run has no checkpoint to show yet")
        put_up(space, CharLSTM.from_pretrained(best), repo or None)
    except HubError as error:
        path = shlex.quote(str(run.path))
        say(f"error: {error}\nTo put the page up later:\n  python -m training space {path} {named(space)}")
        return 1
    return 0


def named(space: Space) -> str:
    """The options that mean this Space."""
    return f"--space {space.name}" + ("" if space.hardware == STATIC else f" --hardware {space.hardware}")


def put_up(space: Space, lm: CharLSTM, model: str | None) -> None:
    """Writes the page of a Space, brings it there, and waits until it runs.

    Args:
        model: what an app shall take from the Hub, USER/NAME or USER/NAME@REVISION; None if it has only its own copy.

    Raises:
        HubError: it could not be put up. The message says what to do.
    """
    # A private model travels inside the Space, which is private too: so no token has to be kept there.
    variables = {"MODELS": model} if model and not space.model_private else {}
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), lm, space.hardware)
        commit, changed = publish(space, Path(folder), f"A page for {title_of(lm)}", variables)
    privately = ", which is private" if space.private else ""
    say(f"The Space {space.name}{privately} is at {commit[:8]}{'' if changed else ': nothing had changed'}.")
    wait_until_up(space, say)
    say(f"  {space.url}")


def _write(folder: Path, lm: CharLSTM, hardware: str) -> None:
    if hardware == STATIC:
        write_static(folder, lm)
    else:
        write_app(folder, lm, hardware)


def _say_where(folder: Path, hardware: str) -> None:
    path = shlex.quote(str(folder))
    if hardware == STATIC:
        say(f"A page that runs in the visitor's own browser is in {path}: put it on any web host. To look at it:")
        say(f"  python -m http.server --directory {path}\n  http://localhost:8000")
    else:
        say(f"The app is in {path}. To look at it, where its requirements.txt is installed:")
        say(f"  cd {path} && python app.py")


def _repo_of(name: str) -> str | None:
    """The repo on the Hub that a model has: its name, or where its run was pushed."""
    if not is_local(name):
        return name.removeprefix("hf://")
    try:
        return read_destination(Path(name).expanduser()).repo
    except HubError:
        return None
