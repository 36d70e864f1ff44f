"""Prepares a new run up to its first step. A run that fails before that step leaves no files behind."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import torch

from model import CharTokenizer, ChatFormat
from model.terminal import one_line

from ..card import ngram
from ..corpus.chats.reader import ChatReader
from ..corpus.ids_file import Ids
from ..corpus.reader import Corpus, corpus_name
from ..corpus.sources import expanded_path
from ..errors import RunError
from ..hub.destination import Destination
from ..hub.space_files import check_project
from ..learner.dataset import split
from ..learner.distillation import SoftTargets
from ..learner.processes import training_device
from ..learner.recipe import Recipe
from ..learner.trainer import Trainer
from ..os_calls import keep_freed_memory
from ..run.console import loss_text, say
from ..run.facts import About, TextFacts, versions
from ..run.kept_text import link_kept_text, read_kept_text, write_kept_text
from ..run.run_folder import IDS, RunFolder
from ..run.training_run import TrainingRun
from . import fine_tune, sharing, soft_targets, teachers
from .options import TrainOptions, hides_file_names, published_command
from .origin import Origin, origin_of
from .plan import choose_recipe
from .run_text import (
    check_destination,
    free_folder,
    make_manager,
    make_trainer,
    read_text,
    text_facts,
    tokenizer_of,
)
from .space import prepare_page, with_page


def new_run(options: TrainOptions, start: float, plan: teachers.TeachersPlan | None = None) -> TrainingRun:
    """Returns a run that is ready for its first step; its teachers, if it has any, are trained here.

    Its minutes count from `start`, a `time.monotonic()`. `plan` was saved by a process that trained only teachers.

    Raises:
        UsageError, CorpusError, RunError, HubError, CheckpointError: the run cannot start; one line says why.
    """
    if options.space is not None:
        check_project(options.hardware)
    device = training_device(options.device)
    with ExitStack() as undo:
        folder = RunFolder(options.out, resume=False) if options.out else free_folder(corpus_name(options.text))
        undo.callback(folder.discard)
        parent = fine_tune.load_base(options)
        teaching = soft_targets.load_given_teachers(options)
        base = parent.lm.tokenizer if parent else None
        corpus, chat, text, origin = _read_text(options, folder, base.vocab if base else (), plan)
        private_models = sharing.private_models(options, [*([parent] if parent else []), *teaching])
        shared = sharing.of_new_run(options, corpus, chat, origin, learns_from_private=bool(private_models))
        destination = check_destination(options, options.push_to, corpus=text.record, sharing=shared)
        page = prepare_page(options, destination.repo if destination else "", shared)
        tokenizer = tokenizer_of(corpus, base)
        baseline = _ngram_baseline(len(tokenizer), corpus.ids)
        if options.teachers:
            soft_targets.check_room(len(split(corpus.ids)[0]), len(tokenizer), folder.path)
            machine = teachers.machine_for(options, device)
            plan = plan or teachers.plan_teachers(options, text, chat, start, machine.at_once)
            teaching += teachers.train_teachers(plan, machine, folder.path, start, device.type)
        predictions = soft_targets.predict(teaching, tokenizer, corpus.ids, folder.path, device) if teaching else None
        keep_freed_memory()  # not sooner, so that the memory that reading the text takes is freed
        recipe, clock, threads, preset = choose_recipe(
            options,
            vocab_size=len(tokenizer),
            ids=corpus.ids,
            folder=folder.path,
            start=start,
            parent=parent.lm if parent else None,
            soft_targets=predictions,
            device=device,
        )
        about: About = {
            **_about(options, preset, destination, shared, corpus.rare, origin),
            **(parent.about(private=parent in private_models) if parent else {}),
            **soft_targets.about(teaching, folder.path),
            **baseline,
            **versions(device),
        }
        trainer = _trainer(recipe, corpus.ids, tokenizer, device, predictions, parent)
        run = TrainingRun(
            checkpoint_manager=make_manager(folder, destination, tokenizer, corpus.ids, quotes=about["quotes"]),
            tokenizer=tokenizer,
            trainer=trainer,
            validation=split(corpus.ids)[1][: recipe.evaluated + 1],
            text=text,
            about=with_page(about, page),
            start=start,
            clock=clock,
            threads=threads,
            chat=chat,
            page=page,
        )
        undo.pop_all()
        return run


def _trainer(
    recipe: Recipe,
    ids: Ids,
    tokenizer: CharTokenizer,
    device: torch.device,
    soft_targets: SoftTargets | None,
    parent: fine_tune.NamedModel | None,
) -> Trainer:
    """Returns the trainer of a new run on a text (N,), with random weights or those of a parent."""
    trainer = make_trainer(recipe, tokenizer, ids, device, soft_targets)
    if parent:
        train, _ = split(ids)
        trainer.start_from(fine_tune.weights_for_new_characters(parent.lm, train, len(tokenizer)))
    return trainer


def _read_text(
    options: TrainOptions, folder: RunFolder, base_vocab: Sequence[str], plan: teachers.TeachersPlan | None
) -> tuple[Corpus, ChatFormat | None, TextFacts, Origin]:
    """Returns the text in the run folder, its format if it is a chat, what is published about it, and who can read it.

    A run with a plan of its teachers has its text; other runs read it, or take it from the run of --text-of.

    Raises:
        RunError: the text is missing or damaged.
    """
    sha256 = plan.text.record["sha256"] if plan else None
    if options.text_of is not None and plan is None:
        link_kept_text(expanded_path(options.text_of), folder.path)
    elif plan is None:
        return _read_new_text(options, folder, base_vocab)
    corpus = read_kept_text(folder.path, sha256)
    if corpus is None:
        raise RunError(f"the copy of the text in {str(folder.path)!r} is missing or damaged: start a new run")
    if plan:
        return corpus, plan.chat, plan.text, origin_of(options.text, options.reading)
    return corpus, None, text_facts(corpus, None), Origin(public=None, closed=frozenset())


def _read_new_text(
    options: TrainOptions, folder: RunFolder, base_vocab: Sequence[str]
) -> tuple[Corpus, ChatFormat | None, TextFacts, Origin]:
    """Reads the text into the run folder; returns what `_read_text` returns."""
    reader = ChatReader(keep_names=options.quote_chat) if options.chat else None
    corpus = read_text(options.text, options.reading, folder.path / IDS, base_vocab=base_vocab, chat=reader)
    chat = reader.format(options.reply_as) if reader else None
    write_kept_text(corpus, folder.path)
    folder.write_sources(options.text, options.reading.record())
    origin = origin_of(options.text, options.reading)
    examples: list[str] | None = [] if options.chat or origin.closed else None
    if reader is not None and chat is not None:
        _print_speakers(reader, chat)
        examples = reader.examples(chat) if options.quote_chat and not origin.closed else []
    name = None
    if origin.closed or (origin.public is None and hides_file_names(options)):
        name = "chat" if options.chat else "text"
    return corpus, chat, text_facts(corpus, origin.public, examples, name), origin


def _about(
    options: TrainOptions, preset: str, destination: Destination | None, shared: str, rare: int, origin: Origin
) -> About:
    about: About = {
        "preset": preset,
        "license": options.license,
        "repo": destination.repo if destination else "",
        "command": published_command(options, origin.closed),
        "sharing": destination.sharing if destination else shared,
        "quotes": origin.quotes(is_chat=options.chat, quote_chat=options.quote_chat),
    }
    if rare:
        about["rare_characters"] = rare
    if options.quote_chat:
        about["quote_chat"] = True
    return about


def _print_speakers(reader: ChatReader, chat: ChatFormat) -> None:
    """Prints the speakers of a chat, and their names in the text of the model."""
    asks, replies = chat.prefix.removesuffix(": "), chat.opening.removesuffix(": ")
    real = {name: one_line(speaker) for speaker, name in reader.names.items()}
    say(
        f"{sum(reader.speakers.values()):,} messages of {len(reader.speakers):,} speakers: the model writes as "
        f"{real[replies]} to {real[asks]}."
    )
    if real[replies] != replies or real[asks] != asks:
        say(
            f"In the model, {real[replies]} is called {replies} and {real[asks]} is called {asks}: --quote-chat keeps "
            "the names."
        )


def _ngram_baseline(vocab_size: int, ids: Ids) -> About:
    """Returns the loss of an n-gram model on the held-out text, for comparison, before any time is measured."""
    train, validation = split(ids)
    loss = ngram.ngram_loss(train, validation[: Recipe.evaluated + 1], vocab_size)
    say(f"For comparison: counting {ngram.ORDER}-grams reaches {loss_text(loss)} on the held-out last tenth.")
    return {"ngram_loss": loss, "ngram_characters": min(len(train), ngram.MAX_CHARACTERS)}
