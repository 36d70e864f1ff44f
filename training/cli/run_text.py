"""The training text and the Hub destination of a run, new or resumed, before the first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from model import CharTokenizer
from model.terminal import size_text

from ..card.cell_names import LONGEST
from ..card.overlap import Source
from ..card.public_text import public_source
from ..card.summary import Quotes
from ..corpus.chats.reader import ChatReader
from ..corpus.decode import Reading
from ..corpus.ids_file import RARE, Ids
from ..corpus.reader import Corpus, check_length, read_corpus
from ..errors import RunError
from ..hub import checkpoints
from ..hub.calls import retried
from ..hub.destination import PRIVATE, UNSCANNED, Destination, check_repo_name
from ..hub.pusher import Pusher
from ..learner.dataset import split
from ..learner.distillation import SoftTargets
from ..learner.paragraphs import find_paragraphs
from ..learner.processes import count
from ..learner.recipe import Recipe
from ..learner.trainer import Trainer
from ..run.checkpoint_manager import CheckpointManager
from ..run.console import loss_text, say, throttled, warn
from ..run.facts import EXAMPLES_FROM, About, CorpusRecord, PublicText, TextFacts, frequent_beginnings
from ..run.run_folder import RunFolder
from .options import TrainOptions
from .parser import COMMANDS

_SHORT = 100_000  # characters; a warning is printed for fewer
_MIN_CHARACTERS = 100  # the held-out tenth of a shorter text is too short to measure a loss


def read_text(
    sources: Sequence[str], reading: Reading, path: Path, *, base_vocab: Sequence[str] = (), chat: ChatReader | None
) -> Corpus:
    """Reads a text into ids, and prints its warnings.

    Args:
        reading: how bytes become text.
        path: the file for the ids.
        base_vocab: characters that get the first ids.
        chat: parses the text as a chat export; None for a text that is read as it is.

    Raises:
        CorpusError: the text cannot be read, or is too short.
    """
    say(f"Reading {_listed(sources) or 'the documentation that is part of Python'} …")
    corpus = read_corpus(
        sources,
        path=path,
        base_vocab=base_vocab,
        reading=reading,
        progress=_reading_progress(),
        chat=chat,
        commands=tuple(COMMANDS),
    )
    for line in (*corpus.warnings, *(chat.warnings if chat else ())):
        warn(line)
    check_length(corpus, _MIN_CHARACTERS, "training")
    if corpus.characters < _SHORT:
        warn(
            f"this text is short ({corpus.characters:,} characters): a model learns words from about {_SHORT:,}, and "
            "repeats a shorter text. The checkpoint with the lowest held-out loss is the one that is served"
        )
    return corpus


def _listed(sources: Sequence[str], limit: int = 3) -> str:
    """Returns the first sources as they were typed, without the secrets that an address may hold."""
    names = [public_source(source) if "://" in source else source for source in sources[:limit]]
    return ", ".join(names) + (f" and {len(sources) - limit:,} more" if len(sources) > limit else "")


def _reading_progress() -> Callable[[str, int, int | None], None]:
    say_sometimes = throttled()

    def show(name: str, done: int, total: int | None) -> None:
        say_sometimes(f"{name}: {size_text(done)}{f' of {size_text(total)}' if total else ''}")

    return show


def text_facts(
    corpus: Corpus, public: PublicText | None, examples: list[str] | None = None, name: str | None = None
) -> TextFacts:
    """Returns what is published about a text.

    Args:
        public: where anyone can read it, if anywhere.
        examples: prompts; None for its frequent line beginnings.
        name: its name; None for a name made from its sources.
    """
    record: CorpusRecord = {
        "name": corpus.name if name is None else name,
        "sha256": corpus.sha256,
        "characters": corpus.characters,
        "public": public,
    }
    if examples is None:
        examples = frequent_beginnings(corpus.head(EXAMPLES_FROM))
    return TextFacts(record=record, examples=examples)


def tokenizer_of(corpus: Corpus, base: CharTokenizer | None = None) -> CharTokenizer:
    """Returns a tokenizer for a text, which keeps the ids of the model to start from; prints the vocabulary's size."""
    base_vocab = base.vocab if base else ()
    tokenizer = CharTokenizer(corpus.vocab, rare=RARE if corpus.rare else base.rare if base else None)
    distinct = f"{len(tokenizer):,} distinct"
    if base_vocab:
        distinct = f"{len(tokenizer) - len(base_vocab):,} of them new to the model, which has {len(base_vocab):,}"
    say(f"{corpus.characters:,} characters, {distinct}.")
    if corpus.rare:
        share = 100 * corpus.rare_times / corpus.characters
        say(
            f"{corpus.rare:,} rare characters, {share:.2f} % of the text, share one id and are never written: "
            "--keep-rare keeps them apart, which takes longer."
        )
    return tokenizer


def check_destination(
    options: TrainOptions, repo: str | None, *, corpus: CorpusRecord, sharing: str
) -> Destination | None:
    """Checks before the first step that the token may write to the repo, and creates the repo if it is missing.

    Args:
        options: the options of the run.
        repo: the repo that the run is pushed to.
        corpus: what is published about its text.
        sharing: whether the run may be public, see `sharing`.

    Returns:
        the destination; None when `repo` is None or empty.

    Raises:
        HubError: the repo cannot be pushed to, is public for a private run, or the Hub does not know the licence.
    """
    if not repo:
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
    """Checks that the token may write to a repo, and what a push there would replace; creates it if it is missing.

    Args:
        options: the options of the run.
        repo: the repo that the run is pushed to.
        corpus: what is published about its text; a model in the repo must have learned from the same text.
        private: whether the repo must be private.

    Raises:
        HubError: the repo cannot be pushed to.
    """
    return retried(
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


def _make_pusher(destination: Destination | None, folder: RunFolder) -> Pusher | None:
    """Returns the pusher of the run; None without a destination."""
    if destination is None:
        return None
    readers = "private" if destination.private else "public: anyone can read it and what it has learned"
    say(f"Pushing to {destination.url} ({readers}).")
    return Pusher(destination, folder.path, report=say)


def make_manager(
    folder: RunFolder,
    destination: Destination | None,
    tokenizer: CharTokenizer,
    ids: Ids,
    *,
    quotes: Quotes,
    saved_step: int = -1,
    card_fields: About | None = None,
) -> CheckpointManager:
    """Returns the manager that saves the checkpoints of a run on a text (N,) and pushes them to its destination."""
    train, validation = split(ids)
    return CheckpointManager(
        folder,
        _make_pusher(destination, folder),
        saved_step=saved_step,
        card_fields=card_fields,
        source=Source(tokenizer, train, validation),
        held_out=tokenizer.decode(validation[:LONGEST].tolist()),
        quotes=quotes,
    )


def make_trainer(
    recipe: Recipe,
    tokenizer: CharTokenizer,
    ids: Ids,
    device: torch.device,
    soft_targets: SoftTargets | None,
) -> Trainer:
    """Returns a trainer of a text (N,), at its first step and with random weights."""
    train, _ = split(ids)
    paragraphs = find_paragraphs(train, tokenizer) if recipe.shuffle else None
    return Trainer(recipe, len(tokenizer), train, device, soft_targets, paragraphs, is_shared=count() > 1)


def free_folder(name: str) -> RunFolder:
    """Creates runs/NAME, or runs/NAME-2, … where that exists.

    Raises:
        RunError: the folder cannot be created.
    """
    for path in (Path("runs") / (f"{name}-{number}" if number > 1 else name) for number in range(1, 10_000)):
        if not path.exists():
            return RunFolder(path, resume=False)
    raise RunError(f"runs/ holds 9,999 runs of {name!r}: choose a folder with --out")
