"""Prepares a run, new or resumed, up to its next step. A new run that fails before that leaves no files behind."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from model import CharTokenizer
from model.checkpoint.record import TrainingRecord
from model.cli.arguments import UsageError

from ..card.cell_names import LONGEST
from ..card.overlap import Source
from ..card.summary import quotes_of
from ..corpus.ids_file import Ids
from ..corpus.reader import corpus_name
from ..hub.checkpoints import DESTINATION, PRIVATE, Destination, read_destination
from ..hub.pusher import Pusher
from ..hub.space_files import Space, check_project
from ..learner import evaluation, processes
from ..learner.dataset import find_paragraphs, split
from ..learner.distillation import SoftTargets
from ..learner.recipe import Recipe
from ..learner.trainer import Trainer
from ..os_calls import keep_freed_memory
from ..run.checkpoint_manager import CheckpointManager
from ..run.clock import Clock, restored
from ..run.console import loss_text, say, warn
from ..run.measure import Threads
from ..run.run_folder import RunFolder, pull_run
from ..run.snapshot import CorpusRecord, Snapshot, versions
from ..run.training_run import TrainingRun
from . import fine_tune, sharing, teachers
from .child_trainings import machine_for
from .options import TrainOptions, published_command
from .plan import choose_recipe
from .sharing import check_destination
from .space import checked_page, resume_page, with_page
from .text import Text, datasets_and_language, new_text, resumed_text


def prepared_run(options: TrainOptions, start: float) -> TrainingRun:
    """Returns a run that is ready for its next step; the teachers of a new one, if it has any, are trained here.

    Args:
        start: the `time.monotonic()` when this process began.

    Raises:
        UsageError, CorpusError, RunError, HubError, CheckpointError: the run cannot start; one line says why.
    """
    plan = teachers.read_plan(options)
    if plan is not None:
        options, start = plan.options, start - plan.seconds
    if options.space is not None:
        check_project(options.hardware)
    folder = _open_folder(options)
    try:
        is_new = options.resume is None
        return _new_run(options, start, folder, plan) if is_new else _resumed_run(options, start, folder)
    except BaseException:
        folder.discard(with_checkpoints=bool(options.hub_run))
        raise


def _open_folder(options: TrainOptions) -> RunFolder:
    """Returns the run folder: by default runs/NAME, or the first of runs/NAME-2, runs/NAME-3 … that is free."""
    repo, is_teacher = options.hub_run, options.text_of is not None  # Ray may restart a teacher while it still saves
    if options.resume is not None and not repo:
        return RunFolder(options.resume, resume=True, waits=is_teacher)
    if options.out is not None:
        return RunFolder(options.out, resume=False, waits=is_teacher)
    name = repo.split("/")[1] if repo else corpus_name(options.text)
    paths = (Path("runs") / (f"{name}-{number}" if number > 1 else name) for number in itertools.count(1))
    return RunFolder(next(path for path in paths if not path.exists()), resume=False)


def _new_run(options: TrainOptions, start: float, folder: RunFolder, plan: teachers.TeachersPlan | None) -> TrainingRun:
    device = processes.training_device(options.device)
    parent = fine_tune.load_base(options)
    teaching = teachers.load_given_teachers(options)
    base = parent.lm.tokenizer if parent else None
    text = new_text(options, folder, base.vocab if base else (), plan)
    private_models = sharing.private_models(options, [*([parent] if parent else []), *teaching])
    shared = sharing.of_new_run(options, text, learns_from_private=bool(private_models))
    destination = check_destination(options, options.push_to, text.facts.record, shared)
    repo, private = destination.repo if destination else None, shared == PRIVATE
    page = checked_page(options.space, options.hardware, repo, private=private) if options.space else None
    tokenizer, ids = text.tokenizer(base), text.corpus.ids
    train, validation = split(ids)
    # Before any time is measured.
    baseline = evaluation.ngram_loss(train, validation[: Recipe.evaluated + 1], len(tokenizer))
    counter = f"counting what follows each {evaluation.ORDER - 1} characters in the text"
    say(f"For comparison, without a network: {counter} reaches {loss_text(baseline)} on the held-out last tenth.")
    if options.teachers:
        machine = machine_for(options.ray, device.type)
        plan = plan or teachers.plan_teachers(options, text.facts, text.chat, start, machine.at_once)
        teaching += teachers.train_teachers(plan, machine, folder.path, start, device.type)
    predictions = teachers.predict(teaching, tokenizer, ids, folder.path, device) if teaching else None
    keep_freed_memory()  # not sooner, so that the memory that reading the text takes is freed
    recipe, clock, threads, preset = choose_recipe(
        options,
        vocab_size=len(tokenizer),
        ids=ids,
        start=start,
        parent=parent.lm if parent else None,
        soft_targets=predictions,
        device=device,
    )
    say(f"Checkpoints are saved in {folder.path}; Ctrl-C saves one and stops.")
    about: TrainingRecord = {
        "preset": preset,
        "license": options.license,
        "repo": destination.repo if destination else "",
        "command": published_command(options, text.closed),
        "sharing": destination.sharing if destination else shared,
        "quotes": text.quotes(quote_chat=options.quote_chat),
        **datasets_and_language(text.public),
        **({"rare_characters": text.corpus.rare} if text.corpus.rare else {}),
        **({"quote_chat": True} if options.quote_chat else {}),
        **(parent.about(private=parent in private_models) if parent else {}),
        **({"taught_by": teachers.record_of(teaching, folder.path)} if teaching else {}),
        "ngram_loss": baseline,
        "ngram_characters": min(len(train), evaluation.NGRAM_CHARACTERS),
        **versions(device),
    }
    trainer = _trainer(recipe, tokenizer, ids, device, predictions)
    if parent:
        trainer.start_from(fine_tune.weights_for_new_characters(parent.lm, train, len(tokenizer)))
    return _run(folder, destination, page, text, tokenizer, trainer, about, clock, start, threads=threads)


def _resumed_run(options: TrainOptions, start: float, folder: RunFolder) -> TrainingRun:
    """Returns a run at its newest whole checkpoint; that of a run on the Hub is downloaded into a new folder."""
    if options.hub_run:
        say(f"Downloading the newest checkpoint of {options.hub_run} to {folder.path} …")
        pull_run(options.hub_run, folder)
    device = processes.training_device(options.device)
    saved = folder.restore(warn)
    about, record = saved.state["about"], saved.state["corpus"]
    recipe = Recipe(**saved.state["recipe"])
    clock = restored(recipe, saved.state, saved.step)
    if options.teacher and "taught_by" not in about:
        raise UsageError("--teacher cannot change in a run, and this run started without one: omit it")
    text = resumed_text(options, folder, saved)
    shared = sharing.of_resumed_run(options, text, folder.path)
    destination = _destination(options, record, folder, shared)
    about["sharing"] = destination.sharing if destination else shared
    page = resume_page(options, about, destination.repo if destination else None)
    if destination is not None:
        about["repo"] = destination.repo
    if options.license != "unknown":
        about["license"] = options.license
    now: dict[str, Any] = {**versions(device)}
    if changed := [f"{name} {about.get(name)} then, {now[name]} now" for name in now if about.get(name) != now[name]]:
        warn(f"{'; '.join(changed)}: from here on the losses may differ in their last digits")
    tokenizer, predictions = text.tokenizer(None), None
    if "taught_by" in about and not clock.is_done:
        predictions = teachers.resume_predictions(
            options, about["taught_by"], tokenizer, text.corpus.ids, folder.path, device
        )
    keep_freed_memory()
    trainer = _trainer(recipe, tokenizer, text.corpus.ids, device, predictions)
    trainer.load_state_tensors(dict(saved.tensors))
    run = _run(folder, destination, page, text, tokenizer, trainer, about, clock, start, saved=saved)
    done = trainer.steps_done
    if clock.is_done:
        say(f"This run is complete: {done:,} steps. To train longer, start a new run from it: --from RUN")
    else:
        total = f" of {recipe.steps:,}" if clock.minutes is None else f" ({clock.progress / recipe.steps:.0%})"
        say(f"Resuming after step {done:,}{total}.")
    return run


def _destination(options: TrainOptions, record: CorpusRecord, folder: RunFolder, shared: str) -> Destination | None:
    """Returns where a resumed run is pushed: to --push-to, else to its repo so far, else to one named like --space.

    A run that is pushed to its own repo again keeps its sharing, so its text is not scanned.
    """
    if options.hub_run and not options.push_to:
        return sharing.shared_as(sharing.check_repo(options, options.hub_run, record), shared)
    if options.push_to or not (folder.path / DESTINATION).exists():
        return check_destination(options, options.push_to or options.space, record, shared)
    destination = read_destination(folder.path)
    if options.replace:
        destination = replace(destination, loss_to_beat=None, keep_card=False)
    # A run may be resumed while the Hub cannot be reached; only a new licence must be checked there.
    if options.license != "unknown":
        destination = sharing.check_repo(options, destination.repo, record)
    return sharing.shared_as(destination, shared)


def _run(
    folder: RunFolder,
    destination: Destination | None,
    page: Space | None,
    text: Text,
    tokenizer: CharTokenizer,
    trainer: Trainer,
    about: TrainingRecord,
    clock: Clock,
    start: float,
    *,
    threads: Threads | None = None,
    saved: Snapshot | None = None,
) -> TrainingRun:
    """Returns a run that is new, or resumed at the checkpoint `saved`; it is pushed to its destination, if any."""
    train, validation = split(text.corpus.ids)
    about, pusher = with_page(about, page), None
    if destination is not None:
        readers = "private" if destination.private else "public: anyone can read it and what it has learned"
        say(f"Pushing to {destination.url} ({readers}).")
        pusher = Pusher(destination, folder.path, report=say)
    manager = CheckpointManager(
        folder,
        pusher,
        source=Source(tokenizer, train, validation),
        held_out=tokenizer.decode(validation[:LONGEST].tolist()),
        quotes=quotes_of(about, is_chat=text.chat is not None),
    )
    if saved is not None:
        manager.resume(saved, about, complete=clock.is_done)
    return TrainingRun(
        checkpoint_manager=manager,
        tokenizer=tokenizer,
        trainer=trainer,
        validation=validation[: trainer.recipe.evaluated + 1],
        text=text.facts,
        about=about,
        start=start - (saved.state["seconds"] if saved else 0.0),
        clock=clock,
        threads=threads,
        metrics=list(saved.metrics) if saved else [],
        samples=list(saved.samples) if saved else [],
        chat=text.chat,
        page=page,
    )


def _trainer(
    recipe: Recipe, tokenizer: CharTokenizer, ids: Ids, device: torch.device, predictions: SoftTargets | None
) -> Trainer:
    """Returns a trainer of a text (N,), at its first step and with random weights."""
    train, _ = split(ids)
    paragraphs = find_paragraphs(train, tokenizer) if recipe.shuffle else None
    is_shared = processes.count() > 1
    return Trainer(recipe, len(tokenizer), train, device, predictions, paragraphs, is_shared=is_shared)
