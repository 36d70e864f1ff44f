"""``python -m training space MODEL``, and ``--space`` of a training: a page for a model, in a folder or on the Hub.

A training makes sure of its Space before its first step, and notes it: however often the run is resumed, and on
whatever machine, it ends with its page. The card of the model leads to it.
"""

from __future__ import annotations

import argparse
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model import CharLSTM
from model.char_lstm import checkpoint_folder, is_local, split_revision
from model.checkpoint.names import CARD
from model.files import atomic_write

from ..card.escape import leading_to
from ..errors import HubError, RunError
from ..hub.jobs import STATIC, CheckSpace, LinkCard, PushSpace, Space
from ..hub.repos import check_repo_name, read_destination
from ..hub.space_files import check_project, title_of, write_page
from ..hub.spaces import Page, describe_hardware, wait_until_up
from ..hub.worker_process import run_job
from ..run.console import say, warn
from ..run.run_folder import RunFolder
from .options import OptionsError


def make_space(options: argparse.Namespace) -> int:
    """Does what was asked for (see ``options.parse_space``); returns the exit code."""
    try:
        name, revision = split_revision(options.model)
    except ValueError as error:
        raise OptionsError(str(error)) from None
    repo = _repo_of(name)
    space = None
    check_project(options.hardware)
    if options.space is not None:
        say(f"A page on {describe_hardware(options.hardware)}.")
        space = run_job(CheckSpace(repo=options.space, hardware=options.hardware, private=options.private, model=repo))
    lm = CharLSTM.from_pretrained(name, revision=revision)
    if options.out is not None:
        folder = Path(options.out).expanduser()
        write_page(folder, lm, options.hardware)
        _say_where(folder, options.hardware)
    if space is not None:
        put_up(space, lm, repo if revision is None or repo is None else f"{repo}@{revision}")
        if revision is None:
            lead_to(space, name, repo)
    return 0


def page_before(options: argparse.Namespace, repo: str) -> Page | None:
    """The page of a training, made sure of before its first step; None when none was asked for.

    Raises:
        HubError: there is no right to it, or a plan is needed, or the Hub is away.
        RunError: the project's own files for it are not here.
    """
    if options.space is None:
        return None
    check_project(options.hardware)
    say(f"A page on {describe_hardware(options.hardware)}.")
    space = run_job(
        CheckSpace(repo=options.space, hardware=options.hardware, private=options.private, model=repo or None)
    )
    return Page(space.name, space.hardware, space)


def page_again(options: argparse.Namespace, about: Mapping[str, Any], repo: str | None) -> Page | None:
    """The page of a run that goes on: the one that is named now, or the one that it has noted.

    A note counts for as long as the run is pushed where it was: what came from someone else's repo has no say in which
    Space is written to.

    Args:
        options: what was typed.
        about: what the run has noted.
        repo: where it is pushed from now on; None if it is not.
    """
    if options.space is not None:
        return page_before(options, repo or "")
    if not about.get("space") or repo not in (None, about["repo"]):
        return None
    return Page(check_repo_name(str(about["space"])), str(about.get("space_hardware", STATIC)))


def noted(about: Mapping[str, Any], page: Page | None) -> dict[str, Any]:
    """What a run notes of itself, with this page."""
    rest = {name: value for name, value in about.items() if name not in ("space", "space_hardware")}
    return {**rest, "space": page.name, "space_hardware": page.hardware} if page else rest


def put_up_best(page: Page, run: RunFolder, repo: str) -> int:
    """Brings a run's best checkpoint to its page; returns the exit code."""
    try:
        best = run.best()
        if best is None:
            raise HubError("this run has no checkpoint to show yet")
        check_project(page.hardware)
        space = page.space or run_job(
            CheckSpace(repo=page.name, hardware=page.hardware, private=False, model=repo or None)
        )
        put_up(space, CharLSTM.from_pretrained(best), repo or None)
    except (HubError, RunError) as error:
        say(f"error: {error}\n{later(page, run)}")
        return 1
    return 0


def later(page: Page, run: RunFolder) -> str:
    """How a page is put up that could not be."""
    named = f"--space {page.name}" + ("" if page.hardware == STATIC else f" --hardware {page.hardware}")
    return f"To put the page up later:\n  python -m training space {shlex.quote(str(run.path))} {named}"


def lead_to(space: Space, name: str, repo: str | None) -> None:
    """Has the card of a model lead to its page: of a checkpoint here, and of a repo whose owner the Space has."""
    card = checkpoint_folder(name) / CARD if is_local(name) else None
    if card is not None and card.is_file():
        atomic_write(card, leading_to(card.read_text(encoding="utf-8"), space.name).encode())
    if repo is None or repo.split("/")[0] != space.name.split("/")[0]:
        return
    try:
        if run_job(LinkCard(repo=repo, space=space.name)).changed:
            say(f"The card of {repo} leads to it.")
    except HubError as error:
        warn(f"the page is up, but the card of {repo} does not lead to it: {error}")


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
        write_page(Path(folder), lm, space.hardware)
        title = f"A page for {title_of(lm)}"
        commit = run_job(
            PushSpace(repo=space.name, hardware=space.hardware, folder=folder, title=title, variables=variables)
        )
    privately = ", which is private" if space.private else ""
    say(f"The Space {space.name}{privately} is at {commit.oid[:8]}{'' if commit.changed else ': nothing has changed'}.")
    wait_until_up(space, say)
    say(f"  {space.url}")


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
