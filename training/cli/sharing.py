"""Decides whether a run or a model may be public: what may be private is published only after an explicit yes.

The decision is recorded in each checkpoint (`sharing` in state.json and config.json) and in the run's destination, and
later commands inherit it. RunError says what may be private in what was to be published.

private    only in private repos and Spaces: --private was given, or the run learned from a private model
public     the scan found nothing in the text, or --publish-anyway was given
unscanned  the run is not pushed, so its text was not scanned
"""

from __future__ import annotations

import contextlib
import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from model.char_lstm import checkpoint_folder
from model.checkpoint.names import BUNDLED_FOLDER, CONFIG, LATEST
from model.terminal import one_line

from ..card.public_text import public_source
from ..card.summary import quotes_of
from ..corpus.chats.message import ROLES
from ..corpus.chats.reader import speakers_of
from ..corpus.privacy import PUBLISH_ANYWAY, report, scan_pieces
from ..corpus.reader import Corpus
from ..errors import HubError, RunError
from ..hub import checkpoints
from ..hub.calls import retried
from ..hub.checkpoints import DESTINATION, PRIVATE, PUBLIC, UNSCANNED, Destination, check_repo_name, read_destination
from ..hub.pusher import pending
from ..run.console import loss_text, say
from ..run.run_folder import IDS, read_kept_text
from ..run.snapshot import CorpusRecord
from .fine_tune import NamedModel
from .options import TrainOptions
from .text import Text

_ADVICE = f"publish with --private, or publish it with {PUBLISH_ANYWAY}."
_CHAT = (
    "The text is a chat: what people wrote to each other. A model can reproduce it, and then anyone could read it.\n"
    f"Ask them, then {_ADVICE}"
)
_CLOSED = f"Not everyone can read {{}}. A model can reproduce its training text.\n{_ADVICE.capitalize()}"
_NO_TEXT = f"The text of this run is not in its folder, so it cannot be scanned for private data:\n{_ADVICE}"


def asked_for(options: TrainOptions | Namespace) -> str:
    """Returns the sharing that --private or --publish-anyway sets; "" without them."""
    return PRIVATE if options.private else PUBLIC if options.publish_anyway else ""


def of_new_run(options: TrainOptions, text: Text, *, learns_from_private: bool) -> str:
    """Returns the sharing of a new run; `learns_from_private`: whether a model of --from or --teacher is private."""
    if asked := asked_for(options):
        return asked
    if learns_from_private or options.text_of is not None:  # whether that text is a chat is not known here
        return PRIVATE
    if options.push_to is None:
        return UNSCANNED
    _refuse(_contents_of_text(text))
    return PUBLIC


def of_resumed_run(options: TrainOptions, text: Text, folder: Path) -> str:
    """Returns the sharing of a resumed run: that of the options, else the recorded one, else that of a scan."""
    recorded = asked_for(options) or _recorded(str(folder))
    if recorded in (PRIVATE, PUBLIC):
        return recorded
    if options.hub_run and options.push_to and (reason := _restriction(options.hub_run)):
        say(f"{options.hub_run} {reason}, so this run is private.")
        return PRIVATE
    has_repo = options.hub_run or (folder / DESTINATION).exists()
    if options.push_to or (options.space and not has_repo):
        _refuse(_contents_of_text(text))
        return PUBLIC
    return UNSCANNED


def private_models(options: TrainOptions, models: Sequence[NamedModel]) -> list[NamedModel]:
    """Returns the models of --from and --teacher that make a model that learns from them private, and prints why.

    Returns [] without checking if the options set the sharing of the run.
    """
    if asked_for(options):
        return []
    private = []
    for model in models:
        if reason := _reason(model):
            say(f"{one_line(model.typed)} {reason}: the new model is private, too ({PUBLISH_ANYWAY} changes that).")
            private.append(model)
    return private


def of_local_model(name: str) -> str:
    """Returns the sharing of a model in a run folder or a checkpoint folder that a page is made for."""
    if _recorded(name) == PRIVATE:
        say(f"{one_line(name)} is marked as private, so its page is private, too ({PUBLISH_ANYWAY} changes that).")
        return PRIVATE
    _refuse(_contents_of_model(name), "nothing was published")
    return PUBLIC


def checked_destination(run: Path, asked: str) -> Destination:
    """Returns the destination of a run whose checkpoints are to be pushed; `asked`: see `asked_for`."""
    destination = shared_as(read_destination(run), asked or _recorded(str(run)))
    if destination.sharing == UNSCANNED and pending(run, destination):
        _refuse(_contents_of_run(run, _config(run)), "nothing was pushed")
        destination = shared_as(destination, PUBLIC)
    return destination


def check_destination(
    options: TrainOptions, repo: str | None, corpus: CorpusRecord, sharing: str
) -> Destination | None:
    """Returns where a run is pushed; None when `repo` is None. The repo is created if it is missing.

    Raises:
        HubError: the repo cannot be pushed to, is public for a private run, or the Hub does not know the licence.
    """
    if repo is None:
        return None
    say(f"Checking that {repo} can be pushed to …")
    destination = check_repo(options, repo, corpus, private=sharing == PRIVATE)
    if destination.loss_to_beat is not None:
        say(
            f"{destination.repo} holds a model with a held-out loss of {loss_text(destination.loss_to_beat)}: this run "
            "replaces it only with a lower one. With --replace it does so in any case."
        )
    if destination.keep_card:
        say(f"{destination.repo} has a README.md of its own, which stays. With --replace the model card replaces it.")
    return shared_as(destination, sharing)


def check_repo(options: TrainOptions, repo: str, corpus: CorpusRecord, *, private: bool = False) -> Destination:
    """Checks a repo like `check_destination`, but prints nothing; `private`: whether the repo must be private."""
    return retried(
        f"checking {repo}",
        lambda: checkpoints.check_repo(
            check_repo_name(repo),
            private=private,
            license=options.license,
            corpus=corpus["name"],
            corpus_characters=corpus["characters"],
            replace=options.replace,
        ),
        say,
    )


def shared_as(destination: Destination, sharing: str) -> Destination:
    """Returns the destination with the sharing of its run; in a private repo, an unscanned run is private."""
    if destination.private and sharing == UNSCANNED:
        sharing = PRIVATE
    return replace(destination, sharing=sharing)


# --- texts


def _contents(corpus: Corpus, closed: str, *, is_chat: bool) -> str:
    """Returns what a user must know before a text is published, in some lines; "" if it may be published.

    Args:
        closed: those of its sources that not everyone can read.
        is_chat: whether it is a chat that is no public data set.
    """
    if found := report(scan_pieces(corpus.pieces()), corpus.locate):
        return found
    return _CLOSED.format(closed) if closed else _CHAT if is_chat else ""


def _contents_of_text(text: Text) -> str:
    """Returns the same of the text of a run; a public chat between roles such as `user` is a data set."""
    closed = ", ".join(sorted(one_line(public_source(source), 100) for source in text.closed))
    is_chat = text.chat is not None
    if is_chat and text.public is not None:
        is_chat = not speakers_of(text.corpus.pieces()) <= {*ROLES}
    return _contents(text.corpus, closed, is_chat=is_chat)


def _contents_of_run(folder: Path, config: Mapping[str, Any]) -> str:
    """Returns the same of a run in a folder; `config` is config.json of its best checkpoint."""
    corpus, is_chat = read_kept_text(folder), config.get("chat") is not None
    if corpus is None:
        return _NO_TEXT
    is_closed = not is_chat and quotes_of(config.get("training", {}), is_chat=False) == "nothing"
    return _contents(corpus, "the source of this text" if is_closed else "", is_chat=is_chat)


def _refuse(contents: str, outcome: str = "nothing was trained or published") -> None:
    if contents:
        raise RunError(f"{outcome}.\n{contents}")


# --- models


def _reason(model: NamedModel) -> str:
    """Returns why a model is private, as a predicate; "" if it is not."""
    if model.lm.training.get("sharing") == PRIVATE:
        return "is marked as private"
    if model.name:
        return "may be private (the Hub cannot be reached)" if model.lm.notice else _restriction(model.lm.name)
    if _recorded(model.typed) == PRIVATE:
        return "is marked as private"
    contents = _contents_of_model(model.typed)
    return f"may be private ({contents.splitlines()[0].rstrip(':')})" if contents else ""


def _restriction(repo: str) -> str:
    try:
        restricted = retried(f"looking at {repo}", lambda: checkpoints.restriction(repo), say)
    except HubError as error:
        return f"may be private ({error})"
    return f"is {restricted} on the Hub" if restricted else ""


def _contents_of_model(name: str) -> str:
    """Returns what a user must know before a model in a folder is published; "" if it may be published.

    A model that this program did not train has no note of a text, and may be published.
    """
    config = _config(Path(name))
    is_trained_here = "command" in config.get("training", {})
    is_bundled = checkpoint_folder(name).resolve().is_relative_to(BUNDLED_FOLDER)
    if not is_trained_here or _recorded(name) == PUBLIC or is_bundled:
        return ""
    return _contents_of_run(_run_of(name), config)


def _run_of(name: str) -> Path:
    """Returns the run folder of a model in a folder, or the folder itself."""
    folder = checkpoint_folder(name)
    return folder.parent if (folder.parent / IDS).is_file() or (folder.parent / DESTINATION).is_file() else folder


def _recorded(name: str) -> str:
    """Returns the recorded sharing of the run or the checkpoint in a folder.

    It is private if the checkpoint, the newest one of the run or the run's destination says so; else the destination
    says it, which is newer than the checkpoint.
    """
    run = _run_of(name)
    newest, recorded = (_config(folder).get("training", {}).get("sharing") for folder in (run / LATEST, Path(name)))
    destination = ""
    with contextlib.suppress(HubError):  # it was never pushed
        destination = read_destination(run).sharing
    if PRIVATE in (newest, recorded, destination):
        return PRIVATE
    return PUBLIC if (destination or recorded) == PUBLIC else UNSCANNED


def _config(folder: Path) -> dict[str, Any]:
    """Returns config.json of the checkpoint that a folder is or names; {} if there is none."""
    try:
        config = json.loads((checkpoint_folder(folder) / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) and isinstance(config.get("training", {}), dict) else {}
