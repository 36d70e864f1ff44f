"""Prepares a new run up to its first step. A run that fails before that step leaves no files behind."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from model import ChatFormat
from model.terminal import one_line

from ..card import ngram
from ..corpus.chat_exports import ChatReader
from ..corpus.ids_file import Ids
from ..corpus.reader import Corpus, corpus_name
from ..hub.jobs import Destination
from ..hub.space_files import check_project
from ..learner import evaluation
from ..learner.dataset import split
from ..learner.processes import training_device
from ..learner.trainer import Trainer
from ..run.console import loss_text, say
from ..run.facts import About, versions
from ..run.kept_text import write_kept_text
from ..run.run_folder import IDS, RunFolder
from ..run.training_run import TrainingRun
from ..system import keep_freed_memory
from . import fine_tune, teachers
from .options import TrainOptions, published_command
from .plan import choose_recipe
from .run_text import check_destination, free_folder, make_manager, public_text, read_text, text_facts, tokenizer_of
from .space import prepare_page, with_page


def new_run(options: TrainOptions, start: float) -> TrainingRun:
    """Returns a run before its first step.

    The minutes of the run count from `start`, the `time.monotonic()` when this process began.

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
        teaching = teachers.load_teachers(options)
        base_vocab = parent.lm.tokenizer.vocab if parent else ()
        corpus, chat, examples = _read_new_text(options, folder, base_vocab)
        destination = check_destination(options, corpus, options.push_to)
        page = prepare_page(options, destination.repo if destination else "")
        tokenizer = tokenizer_of(corpus, base_vocab)
        baseline = _ngram_baseline(len(tokenizer), corpus.ids)
        soft_targets = teachers.predict(teaching, tokenizer, corpus.ids, folder.path, device) if teaching else None
        keep_freed_memory()  # not sooner: the memory that reading a text takes is given back
        recipe, preset = choose_recipe(
            options,
            vocab_size=len(tokenizer),
            ids=corpus.ids,
            folder=folder.path,
            start=start,
            parent=parent.lm if parent else None,
            soft_targets=soft_targets,
            device=device,
        )
        about: About = {
            **_about(options, preset, destination),
            **(parent.about if parent else {}),
            **teachers.about(teaching, folder.path),
            **baseline,
            **versions(device),
        }
        train, validation = split(corpus.ids)
        trainer = Trainer(recipe, len(tokenizer), train, device, soft_targets)
        if parent:
            trainer.start_from(fine_tune.weights_for_new_characters(parent.lm, train, len(tokenizer)))
        run = TrainingRun(
            checkpoint_manager=make_manager(folder, destination, tokenizer, corpus.ids),
            tokenizer=tokenizer,
            trainer=trainer,
            validation=validation[: evaluation.EVALUATED + 1],
            text=text_facts(corpus, public_text(options.text, options.errors or "strict"), examples),
            about=with_page(about, page),
            start=start,
            chat=chat,
            page=page,
        )
        undo.pop_all()
        return run


def _read_new_text(
    options: TrainOptions, folder: RunFolder, base_vocab: Sequence[str]
) -> tuple[Corpus, ChatFormat | None, list[str] | None]:
    """Reads the text into the run folder; returns it and, for a chat, its format and messages to use as prompts."""
    errors = options.errors or "strict"
    reader = ChatReader() if options.chat else None
    corpus = read_text(options.text, errors, folder.path / IDS, base_vocab=base_vocab, chat=reader)
    chat = reader.format(options.reply_as) if reader else None
    write_kept_text(corpus, folder.path)
    folder.write_sources(options.text, errors)
    return corpus, chat, _chat_examples(reader, chat) if reader and chat else None


def _about(options: TrainOptions, preset: str, destination: Destination | None) -> About:
    return {
        "preset": preset,
        "license": options.license,
        "repo": destination.repo if destination else "",
        "command": published_command(options),
    }


def _chat_examples(reader: ChatReader, chat: ChatFormat) -> list[str]:
    """Returns messages of a chat as prompts, and prints who speaks in it."""
    asks, replies = chat.prefix.removesuffix(": "), chat.opening.removesuffix(": ")
    say(
        f"{sum(reader.speakers.values()):,} messages of {len(reader.speakers):,} speakers: the model writes as "
        f"{one_line(replies)} to {one_line(asks)}."
    )
    return reader.examples(chat)


def _ngram_baseline(vocab_size: int, ids: Ids) -> About:
    """Returns the loss of an n-gram model on the held-out text, for comparison, before any time is measured."""
    train, validation = split(ids)
    loss = ngram.ngram_loss(train, validation[: evaluation.EVALUATED + 1], vocab_size)
    say(f"For comparison: counting {ngram.ORDER}-grams reaches {loss_text(loss)} on the held-out last tenth.")
    return {"ngram_loss": loss, "ngram_characters": min(len(train), ngram.MAX_CHARACTERS)}
