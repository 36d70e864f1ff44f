"""`python -m training space MODEL`, and `--space` of a training: a page for a model on the Hub.

A training checks its Space before the first step and records it, so a resumed run also ends with its page, even on
another machine. The model card links to the page.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from model import CharLSTM
from model.char_lstm import checkpoint_folder, is_local, split_revision
from model.checkpoint.names import CARD
from model.checkpoint.record import TrainingRecord
from model.cli.arguments import UsageError
from model.files import atomic_write
from model.settings import MAX_TITLE
from model.terminal import own_command, quote_command

from ..card.public_text import line, with_page_link
from ..corpus.sources import expanded_path
from ..errors import HubError, RunError
from ..hub.calls import retried
from ..hub.checkpoints import PRIVATE, check_repo_name, read_destination
from ..hub.space_files import (
    STATIC,
    Space,
    check_project,
    check_space,
    link_card,
    push_space,
    title_of,
    wait_until_up,
    write_page,
)
from ..run.console import say, warn
from ..run.run_folder import RunFolder
from . import sharing
from .options import TrainOptions, command_parser


def make_space(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = command_parser("space").parse_args(arguments)
    if options.title is not None and not 1 <= len(line(options.title, len(options.title))) <= MAX_TITLE:
        raise UsageError(f"--title is {options.title!r:.80}: it must have 1 to {MAX_TITLE} characters")
    name, revision = split_revision(options.model)
    repo = _repo_of(name)
    check_project(options.hardware)
    shared = sharing.asked_for(options)
    if is_local(name):  # before a Space is created
        shared = shared or sharing.of_local_model(name)
    private, anyway = shared == PRIVATE, options.publish_anyway
    space = checked_page(options.space, options.hardware, repo, private=private, publish_anyway=anyway)
    lm = CharLSTM.from_pretrained(name, revision=revision)
    if options.title is not None:
        lm.training = {**lm.training, "page_title": options.title}
    _publish_page(space, lm, repo if revision is None or repo is None else f"{repo}@{revision}", options.title)
    if revision is None:
        link_from_card(space, name, repo)
    return 0


def checked_page(name: str, hardware: str, repo: str | None, *, private: bool, publish_anyway: bool = False) -> Space:
    """Returns a Space, checked or created; it is private if it must be, or if the repo of its model is."""
    check = partial(check_space, name, hardware, private=private, model=repo, publish_anyway=publish_anyway)
    return retried(f"checking the Space {name} on {hardware}", check, say)


def resume_page(options: TrainOptions, about: TrainingRecord, repo: str | None) -> Space | None:
    """Returns the page of a resumed run: of `--space`, else the one in the record `about` of the run.

    The record counts only while the run is pushed to the same repo: a record from a stranger's repo must not choose
    the Space that is written to.
    """
    private = about.get("sharing") == PRIVATE
    if options.space is not None:
        return checked_page(options.space, options.hardware, repo, private=private)
    if not about.get("space") or repo not in (None, about["repo"]):
        return None
    hardware = str(about.get("space_hardware", STATIC))
    return Space(check_repo_name(str(about["space"])), hardware, private=private)


def with_page(about: TrainingRecord, page: Space | None) -> TrainingRecord:
    """Returns what is published about a run, with the fields of its page; without them if `page` is None."""
    about = about.copy()
    about.pop("space", None)
    about.pop("space_hardware", None)
    return {**about, "space": page.name, "space_hardware": page.hardware} if page else about


def publish_best(page: Space, run: RunFolder, repo: str) -> int:
    """Publishes the page of a run's best checkpoint; returns the exit code."""
    try:
        space = checked_page(page.name, page.hardware, repo or None, private=page.private)
        _publish_page(space, CharLSTM.from_pretrained(run.path), repo or None)
    except (HubError, RunError) as error:
        say(f"error: {error}\n{publish_hint(page, run)}")
        return 1
    return 0


def publish_hint(page: Space, run: RunFolder) -> str:
    """Returns a line that says how to publish a page that is not published yet."""
    words = own_command("training", "space", str(run.path), "--space", page.name)
    words += [] if page.hardware == STATIC else ["--hardware", page.hardware]
    return f"To publish the page later:\n  {quote_command(words)}"


def link_from_card(space: Space, name: str, repo: str | None) -> None:
    """Links the page from the model card: in a local checkpoint, and in a repo of the Space's owner."""
    card = checkpoint_folder(name) / CARD if is_local(name) else None
    if card is not None and card.is_file():
        atomic_write(card, with_page_link(card.read_text(encoding="utf-8"), space.name).encode())
    if repo is None or repo.split("/")[0] != space.name.split("/")[0]:
        return
    try:
        if retried(f"changing the card of {repo}", lambda: link_card(repo, space.name), say):
            say(f"The card of {repo} links to it.")
    except HubError as error:
        warn(f"the page is published, but the card of {repo} does not link to it: {error}")


def _publish_page(space: Space, lm: CharLSTM, model: str | None, title: str | None = None) -> None:
    """Writes the page of a Space, uploads it, and waits until it runs; raises HubError if it could not be published.

    Args:
        model: the model that an app loads from the Hub, USER/NAME or USER/NAME@REVISION; None for the copy alone.
        title: the title that an app shows; None for its own, in the visitor's language.
    """
    # A private model is served from the copy in the Space, which is private too, so the Space needs no token.
    variables = {"MODELS": model} if model and not space.model_private else {}
    if title is not None and space.hardware != STATIC:
        variables["PAGE_TITLE"] = title
    with tempfile.TemporaryDirectory() as folder:
        write_page(Path(folder), lm, space.hardware, space.name)
        push = partial(push_space, space, Path(folder), f"A page for {title_of(lm)}", variables)
        commit, is_new = retried(f"pushing to the Space {space.name}", push, say)
    privately = ", which is private" if space.private else ""
    say(f"The Space {space.name}{privately} is at {commit[:8]}{'' if is_new else ': nothing has changed'}.")
    wait_until_up(space, say)
    say(f"  {space.url}")


def _repo_of(name: str) -> str | None:
    """Returns the repo on the Hub of a model: its name, or where its run was pushed; None for neither."""
    if not is_local(name):
        return name.removeprefix("hf://")
    try:
        return read_destination(expanded_path(name)).repo
    except HubError:
        return None
