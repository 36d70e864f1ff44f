"""Prepares a run that is resumed, from its folder or from the Hub, at its newest whole checkpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, cast

import torch

from model import CharTokenizer
from model.cli.arguments import UsageError
from model.terminal import one_line

from ..card.public_text import public_source
from ..corpus.chats.reader import ChatReader
from ..corpus.decode import Reading
from ..corpus.ids_file import Ids
from ..corpus.reader import Corpus
from ..errors import RunError
from ..hub.destination import DESTINATION, Destination, read_destination
from ..hub.spaces import Page
from ..learner.dataset import split
from ..learner.distillation import SoftTargets
from ..learner.processes import training_device
from ..learner.recipe import Recipe
from ..learner.trainer import Trainer
from ..os_calls import keep_freed_memory
from ..run import kept_text
from ..run.clock import Clock, restored
from ..run.console import say, warn
from ..run.facts import About, CorpusRecord, RunState, other_version, versions
from ..run.hub_resume import SCHEME, pull_run
from ..run.run_folder import IDS, RunFolder, SavedRun
from ..run.training_run import TrainingRun
from . import sharing, soft_targets
from .options import TrainOptions
from .origin import Origin, origin_of
from .run_text import (
    check_destination,
    check_repo,
    free_folder,
    make_manager,
    make_trainer,
    read_text,
    shared_as,
    text_facts,
    tokenizer_of,
)
from .space import resume_page, with_page

_CARD_FIELDS = ("repo", "license", "space")  # may have changed since the checkpoint was saved


def resumed_run(options: TrainOptions, start: float) -> TrainingRun:
    """Returns a run at its newest whole checkpoint.

    `start` is the `time.monotonic()` when this process began.

    Raises:
        UsageError, CorpusError, RunError, HubError: the run cannot be resumed; one line says why.
    """
    resume, device = options.resume or "", training_device(options.device)
    with ExitStack() as undo:
        folder = _pulled(options, undo) if resume.startswith(SCHEME) else RunFolder(resume, resume=True)
        undo.callback(folder.close)
        saved = folder.restore(warn)
        done = int(saved.tensors["steps_done"])
        recipe, clock = _saved_recipe(saved.state, done)
        # Before the text is read: the repo names its addresses, and may be a stranger's.
        own = _own_destination(options, saved.state["corpus"])
        corpus, origin = _resumed_text(options, folder, saved)
        shared = sharing.of_resumed_run(options, saved, corpus, folder.path, origin)
        destination = shared_as(own, shared) if own else _destination(options, saved.state["corpus"], folder, shared)
        tokenizer = tokenizer_of(corpus)
        saved.state["about"]["sharing"] = destination.sharing if destination else shared
        _hide_origin(saved, origin)
        page = resume_page(options, saved.state["about"], destination.repo if destination else None)
        about = _resumed_about(options, saved.state["about"], destination, page, device)
        predictions = None
        if options.teacher and "taught_by" not in about:
            raise UsageError("--teacher cannot change in a run, and this run started without one: omit it")
        if "taught_by" in about and not clock.is_done:
            record = about["taught_by"]
            predictions = soft_targets.resume_predictions(options, record, tokenizer, corpus.ids, folder.path, device)
        card_fields = cast(About, {name: value for name, value in about.items() if name in _CARD_FIELDS})
        run = TrainingRun(
            checkpoint_manager=make_manager(
                folder,
                destination,
                tokenizer,
                corpus.ids,
                quotes=about["quotes"],
                saved_step=done,
                card_fields=card_fields,
            ),
            tokenizer=tokenizer,
            trainer=_restored_trainer(recipe, tokenizer, corpus.ids, saved, device, predictions),
            validation=split(corpus.ids)[1][: recipe.evaluated + 1],
            text=text_facts(corpus, origin.public, _saved_examples(saved), saved.state["corpus"]["name"]),
            about=about,
            start=start,
            clock=clock,
            seconds_before=saved.state["seconds"],
            metrics=saved.metrics,
            samples=folder.samples(),
            chat=saved.checkpoint.chat,
            page=page,
        )
        run.checkpoint_manager.catch_up(saved.metrics, complete=clock.is_done)
        _print_progress(done, recipe, clock)
        undo.pop_all()
        return run


def _hide_origin(saved: SavedRun, origin: Origin) -> None:
    """Completes the record of a run of an earlier version, which took every address for one that anyone can read."""
    about = saved.state["about"]
    if "quotes" not in about:
        about["quotes"] = origin.quotes(is_chat=saved.checkpoint.chat is not None, quote_chat=keeps_names(about))
        if origin.closed:
            about["command"], saved.state["corpus"]["name"] = "", "text"


def _saved_examples(saved: SavedRun) -> list[str]:
    """Returns the examples of a run; none if its text may not be quoted."""
    if saved.state["about"]["quotes"] == "nothing":
        return []
    return list(saved.checkpoint.training.get("examples", []))


def keeps_names(about: About) -> bool:
    """Returns whether the text of a chat has the names of its speakers; runs of earlier versions always kept them."""
    return about.get("quote_chat", "sharing" not in about)


def _resumed_about(
    options: TrainOptions, saved: About, destination: Destination | None, page: Page | None, device: torch.device
) -> About:
    """Returns what is published about the run from now on; warns when another machine may change its losses.

    Args:
        saved: what was published so far.
        destination: the repo that the run is pushed to from now on.
        page: the Space of the run.
        device: what the run is trained on now.
    """
    about = with_page(saved, page)
    if destination is not None:
        about["repo"] = destination.repo
    if options.license != "unknown":
        about["license"] = options.license
    now: Mapping[str, object] = {**versions(device)}
    differences = [f"{name} {about.get(name)} then, {now[name]} now" for name in now if about.get(name) != now[name]]
    if differences:
        warn(f"{'; '.join(differences)}: from here on the losses may differ in their last digits")
    return about


def _restored_trainer(
    recipe: Recipe,
    tokenizer: CharTokenizer,
    ids: Ids,
    saved: SavedRun,
    device: torch.device,
    soft_targets: SoftTargets | None,
) -> Trainer:
    """Returns a trainer of the text (N,) at the step of a checkpoint.

    Raises:
        RunError: the tensors of the checkpoint do not fit the recipe.
    """
    keep_freed_memory()
    trainer = make_trainer(recipe, tokenizer, ids, device, soft_targets)
    try:
        trainer.load_state_tensors(dict(saved.tensors))
    except ValueError as error:
        raise RunError(str(error)) from None
    return trainer


def _print_progress(done: int, recipe: Recipe, clock: Clock) -> None:
    if clock.is_done:
        say(f"This run is complete: {done:,} steps. To train longer, start a new run from it: --from RUN")
    else:
        total = f" of {recipe.steps:,}" if clock.minutes is None else f" ({clock.progress / recipe.steps:.0%})"
        say(f"Resuming after step {done:,}{total}.")


def _pulled(options: TrainOptions, undo: ExitStack) -> RunFolder:
    """Downloads a run from the Hub into a new run folder, which is removed when the run cannot be resumed."""
    repo = (options.resume or "").removeprefix(SCHEME)
    folder = RunFolder(options.out, resume=False) if options.out is not None else free_folder(repo.split("/")[1])
    undo.callback(folder.discard_all)
    say(f"Downloading the newest checkpoint of {repo} to {folder.path} …")
    pull_run(repo, folder)
    return folder


def _saved_recipe(state: RunState, steps_done: int) -> tuple[Recipe, Clock]:
    """Returns the recipe of a run and its clock at a checkpoint.

    Raises:
        RunError: the run was saved by another version of the project.
    """
    try:
        recipe = Recipe(**state["recipe"])
        return recipe, restored(recipe, state, steps_done)
    except (KeyError, TypeError, ValueError) as error:
        raise other_version(error) from error


def _resumed_text(options: TrainOptions, folder: RunFolder, saved: SavedRun) -> tuple[Corpus, Origin]:
    """Returns the text of the run, and who can read it at its sources.

    The text is the copy in the run folder, even if its files have changed. It is read again only when TEXT was given,
    or when the copy is missing or damaged.
    """
    record = saved.state["corpus"]
    kept = None if options.text else kept_text.read_kept_text(folder.path, record["sha256"])
    if kept is not None:
        _warn_of_changed_text(kept, folder)
        return kept, _saved_origin(folder, saved)
    sources, reading = _sources(options, folder, record)
    _read_again(sources, reading, folder, saved)
    if options.text or (options.resume or "").startswith(SCHEME):
        folder.write_sources(sources, reading.record())
    kept = kept_text.read_kept_text(folder.path, record["sha256"])
    if kept is None:
        raise RunError(f"the copy of the text in {str(folder.path)!r} cannot be read: check the disk")
    return kept, origin_of(sources, reading)


def _saved_origin(folder: RunFolder, saved: SavedRun) -> Origin:
    """Returns who can read the text of a run, as recorded; for a run of an earlier version, the sources are asked."""
    public, about = saved.state["corpus"].get("public"), saved.state["about"]
    if "quotes" in about:
        is_closed = about["quotes"] == "nothing" and saved.checkpoint.chat is None
        return Origin(public=public, closed=frozenset({"the source of this text"} if is_closed else ()))
    try:
        sources = folder.read_sources()[0]
    except RunError:  # such as of standard input
        sources = public["sources"] if public else ["-"]
    return origin_of(sources, Reading.from_record(public or {}))


def _read_again(sources: list[str], reading: Reading, folder: RunFolder, saved: SavedRun) -> None:
    """Reads the text of a run into its folder once more.

    Raises:
        CorpusError: the text cannot be read.
        RunError: it is not the text of the run.
    """
    temporary = folder.path / f".{IDS}.again.tmp"  # another text must not replace the copy
    record, checkpoint = saved.state["corpus"], saved.checkpoint
    chat = ChatReader(keep_names=keeps_names(saved.state["about"])) if checkpoint.chat else None
    try:
        corpus = read_text(sources, reading, temporary, base_vocab=checkpoint.tokenizer.vocab, chat=chat)
        if corpus.sha256 != record["sha256"]:
            raise RunError(
                f"the text is not the one that this run started with ({record['characters']:,} characters then, "
                f"{corpus.characters:,} now, or changed inside): resume with that text, or start a new run"
            )
        kept_text.write_kept_text(corpus, folder.path)
        del corpus  # Windows renames no file that is mapped
        temporary.replace(folder.path / IDS)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sources(options: TrainOptions, folder: RunFolder, record: CorpusRecord) -> tuple[list[str], Reading]:
    """Returns where the text of a run is, and how it is read."""
    if options.text:
        return list(options.text), _reading(options, _noted(folder, record))
    if not (options.resume or "").startswith(SCHEME):
        sources, noted = folder.read_sources()
        return sources, _reading(options, noted)
    public = record.get("public")
    sources = [str(source) for source in public["sources"]] if public else []
    # A repo must not choose which local files are read.
    if not public or any("://" not in source or public_source(source) != source for source in sources):
        raise RunError(
            f"the text of this run is not on the Hub: give it again: python -m training TEXT --resume {options.resume}"
        )
    if options.push_to and any(not source.startswith("hf://") for source in sources):
        raise RunError(
            f"the repo names addresses outside the Hub ({one_line(', '.join(sources), 300)}): if you trust them, give "
            f"them as TEXT: python -m training TEXT --resume {options.resume}"
        )
    return sources, _reading(options, public)


def _noted(folder: RunFolder, record: CorpusRecord) -> Mapping[str, Any]:
    """Returns the saved record of how the text of a run is read; {} if there is none."""
    try:
        return folder.read_sources()[1]
    except RunError:
        return record.get("public") or {}


def _reading(options: TrainOptions, noted: Mapping[str, Any]) -> Reading:
    """Returns how the text of a run was read, with the options that were given now."""
    given = {name: value for name in ("errors", "encoding") if (value := getattr(options, name)) is not None}
    return replace(Reading.from_record(noted), **given)


def _warn_of_changed_text(kept: Corpus, folder: RunFolder) -> None:
    try:
        current = kept_text.is_current(kept, folder.read_sources()[0])
    except RunError:  # the text came from standard input
        return
    if current is not True:
        became = "has changed since the run started" if current is False else "is no longer where it was"
        warn(f"the text {became}: continuing with the copy in the run folder")


def _own_destination(options: TrainOptions, record: CorpusRecord) -> Destination | None:
    """Returns the repo of a run on the Hub, to which the token may write; None if the run is pushed elsewhere.

    Raises:
        HubError: the token may not write to it.
    """
    if options.push_to or not (options.resume or "").startswith(SCHEME):
        return None
    return check_repo(options, (options.resume or "").removeprefix(SCHEME), record)


def _destination(options: TrainOptions, record: CorpusRecord, folder: RunFolder, shared: str) -> Destination | None:
    """Returns where the run is pushed: to --push-to, else to its repo so far, else to the repo named like --space.

    A run that is pushed to its own repo again keeps its sharing, so its text is not scanned.
    """
    if options.push_to:
        return check_destination(options, options.push_to, corpus=record, sharing=shared)
    if (folder.path / DESTINATION).exists():
        destination = read_destination(folder.path)
        if options.replace:
            destination = replace(destination, loss_to_beat=None, keep_card=False)
        # A run may be resumed while the Hub cannot be reached; only a new licence must be checked there.
        if options.license != "unknown":
            destination = check_repo(options, destination.repo, record)
        return shared_as(destination, shared)
    return check_destination(options, options.space, corpus=record, sharing=shared)
