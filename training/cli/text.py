"""The training text of a run: reads it into the run folder, or finds it there, and knows who can read its sources."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from model import CharTokenizer, ChatFormat
from model.checkpoint.record import TrainingRecord
from model.terminal import one_line, own_command, quote_command, size_text

from ..card.public_text import public_source
from ..card.summary import Quotes
from ..corpus.chats.reader import ChatReader
from ..corpus.decode import CorpusError, Reading
from ..corpus.ids_file import RARE
from ..corpus.reader import Corpus, read_corpus
from ..corpus.sources import dataset_of, expanded_path, is_public, language_of
from ..errors import RunError
from ..run.console import say, throttled, warn
from ..run.facts import EXAMPLES_FROM, CorpusRecord, PublicText, TextFacts, frequent_beginnings
from ..run.kept_text import read_kept_text, write_kept_text
from ..run.run_folder import IDS, RunFolder
from ..run.snapshot import Snapshot
from .options import TrainOptions, hides_file_names
from .teachers import TeachersPlan

_SHORT = 100_000  # characters; a warning is printed for fewer
_MIN_CHARACTERS = 100  # the held-out tenth of a shorter text is too short to measure a loss


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who can read the sources of a text."""

    # Where anyone can read the whole text; None if a part is a file of this machine, or is closed
    public: PublicText | None
    # The addresses that not everyone can read: private and gated datasets, addresses that may hold a secret
    closed: frozenset[str]

    def quotes(self, *, is_chat: bool, quote_chat: bool) -> Quotes:
        """Returns what published files may quote of a text from these sources."""
        if self.closed or (is_chat and not quote_chat):
            return "nothing"
        return "text" if self.public is not None and not is_chat else "model"

    def about(self) -> TrainingRecord:
        """Returns the datasets of the Hub in a text that anyone can read, and its language if the datasets state it."""
        if self.public is None:
            return {}
        if not self.public["sources"]:  # the documentation that is part of Python
            return {"language": "en"}
        found = [dataset_of(source) for source in self.public["sources"]]
        datasets = sorted({*filter(None, found)})
        languages = {language_of(dataset) if dataset else "" for dataset in {*found}}
        language = languages.pop() if len(languages) == 1 else ""
        return {**({"datasets": datasets} if datasets else {}), **({"language": language} if language else {})}


def origin_of(sources: Sequence[str], reading: Reading) -> Origin:
    """Returns who can read some sources; for datasets of the Hub, the Hub is asked."""
    closed = frozenset(source for source in sources if "://" in source and not is_public(source))
    if closed or not all("://" in source for source in sources):
        return Origin(public=None, closed=closed)
    return Origin(public=cast(PublicText, {"sources": [*sources], **asdict(reading)}), closed=closed)


@dataclass(frozen=True, kw_only=True)
class Text:
    """The text of a run."""

    corpus: Corpus  # its ids, in the run folder
    chat: ChatFormat | None  # its format if it is a chat
    facts: TextFacts
    origin: Origin

    def tokenizer(self, base: CharTokenizer | None) -> CharTokenizer:
        """Returns its tokenizer, which keeps the ids of the model to start from; prints the size of the vocabulary."""
        corpus, known = self.corpus, len(base) if base else 0
        tokenizer = CharTokenizer(corpus.vocab, rare=RARE if corpus.rare else base.rare if base else None)
        new = f"{len(tokenizer) - known:,} of them new to the model, which has {known:,}"
        say(f"{corpus.characters:,} characters, {new if base else f'{len(tokenizer):,} distinct'}.")
        if corpus.rare:
            share = 100 * corpus.rare_times / corpus.characters
            say(f"{corpus.rare:,} rare characters, {share:.2f} % of the text, share one id and are never written.")
        return tokenizer


def new_text(options: TrainOptions, folder: RunFolder, base_vocab: Sequence[str], plan: TeachersPlan | None) -> Text:
    """Returns the text of a new run.

    A run with a plan of its teachers has its text in its folder; that of a teacher is in the folder of --text-of.
    """
    if plan is None and options.text_of is None:
        return _read_new_text(options, folder, base_vocab)
    place = expanded_path(options.text_of) if options.text_of else folder.path
    corpus = read_kept_text(place, plan.text.record["sha256"] if plan else None)
    if corpus is None:
        raise RunError(f"the copy of the text in {str(place)!r} is missing or damaged: start a new run")
    if plan:
        return Text(corpus=corpus, chat=plan.chat, facts=plan.text, origin=origin_of(options.text, options.reading))
    origin = Origin(public=None, closed=frozenset())
    return Text(corpus=corpus, chat=None, facts=_facts(corpus, None), origin=origin)


def _read_new_text(options: TrainOptions, folder: RunFolder, base_vocab: Sequence[str]) -> Text:
    reader = ChatReader(keep_names=options.quote_chat) if options.chat else None
    corpus = _read(options.text, options.reading, folder.path / IDS, base_vocab, reader)
    chat = reader.format(options.reply_as) if reader else None
    write_kept_text(corpus, folder.path)
    origin = origin_of(options.text, options.reading)
    examples: list[str] | None = [] if options.chat or origin.closed else None
    if reader is not None and chat is not None:
        _print_speakers(reader, chat)
        examples = reader.examples(chat) if options.quote_chat and not origin.closed else []
    name = None
    if origin.closed or (origin.public is None and hides_file_names(options)):
        name = "chat" if options.chat else "text"
    return Text(corpus=corpus, chat=chat, facts=_facts(corpus, origin.public, examples, name), origin=origin)


def resumed_text(options: TrainOptions, folder: RunFolder, saved: Snapshot) -> Text:
    """Returns the text of a resumed run: the copy in its folder, unless TEXT was given."""
    record, about, checkpoint = saved.state["corpus"], saved.state["about"], saved.checkpoint
    public = record.get("public")
    if "quotes" not in about:  # an earlier version, which took every address for one that anyone can read
        about["quotes"], about["command"], record["name"], public = "nothing", "", "text", None
    place = expanded_path(options.text_of) if options.text_of else folder.path
    corpus = None if options.text else read_kept_text(place, record["sha256"])
    corpus = corpus or _read_again(options, folder, saved)
    is_closed = about["quotes"] == "nothing" and checkpoint.chat is None
    closed = frozenset({"the source of this text"} if is_closed else ())
    origin = Origin(public=public, closed=closed)
    examples = [] if about["quotes"] == "nothing" else list(checkpoint.training.get("examples", []))
    facts = _facts(corpus, origin.public, examples, record["name"])
    return Text(corpus=corpus, chat=checkpoint.chat, facts=facts, origin=origin)


def _read_again(options: TrainOptions, folder: RunFolder, saved: Snapshot) -> Corpus:
    record, checkpoint = saved.state["corpus"], saved.checkpoint
    public: Mapping[str, Any] = record.get("public") or {}
    # The record may be a stranger's, so it does not choose what is read. Without sources it is Python's documentation.
    if not options.text and public.get("sources") != []:
        again = quote_command(own_command("training", "resume", options.resume or "", "TEXT"))
        raise RunError(f"the run has no whole copy of its text: give it again: {again}")
    recorded = Reading.from_record(public)
    reading = Reading(
        errors=options.errors or recorded.errors,
        encoding=options.encoding or recorded.encoding,
        merge_rare=checkpoint.tokenizer.rare is not None,
    )
    temporary = folder.path / f".{IDS}.again.tmp"  # another text must not replace the copy
    chat = ChatReader(keep_names=saved.state["about"].get("quote_chat", False)) if checkpoint.chat else None
    try:
        corpus = _read(options.text, reading, temporary, checkpoint.tokenizer.vocab, chat)
        if corpus.sha256 != record["sha256"]:
            raise RunError(
                f"the text is not the one that this run started with ({record['characters']:,} characters then, "
                f"{corpus.characters:,} now, or changed inside): resume with that text, or start a new run"
            )
        write_kept_text(corpus, folder.path)
        del corpus  # Windows renames no file that is mapped
        temporary.replace(folder.path / IDS)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    kept = read_kept_text(folder.path, record["sha256"])
    if kept is None:
        raise RunError(f"the copy of the text in {str(folder.path)!r} cannot be read: check the disk")
    return kept


def _read(
    sources: Sequence[str], reading: Reading, path: Path, base_vocab: Sequence[str], chat: ChatReader | None
) -> Corpus:
    """Reads a text into a file of ids, and prints its warnings."""
    listed = [public_source(source) if "://" in source else source for source in sources[:3]]
    more = f" and {len(sources) - 3:,} more" if len(sources) > 3 else ""
    say(f"Reading {', '.join(listed) or 'the documentation that is part of Python'}{more} …")
    say_sometimes = throttled()
    corpus = read_corpus(
        sources,
        path=path,
        base_vocab=base_vocab,
        reading=reading,
        progress=lambda name, done, total: say_sometimes(
            f"{name}: {size_text(done)}{f' of {size_text(total)}' if total else ''}"
        ),
        chat=chat,
    )
    for line in (*corpus.warnings, *(chat.warnings if chat else ())):
        warn(line)
    if corpus.characters < _MIN_CHARACTERS:
        raise CorpusError(
            f"the text {one_line(corpus.name)!r} is too short: it has {corpus.characters:,} characters, and training "
            f"needs at least {_MIN_CHARACTERS:,}: give a longer text"
        )
    if corpus.characters < _SHORT:
        warn(
            f"this text is short ({corpus.characters:,} characters): a model learns words from about {_SHORT:,}, and "
            "repeats a shorter text. The checkpoint with the lowest held-out loss is the one that is served"
        )
    return corpus


def _facts(
    corpus: Corpus, public: PublicText | None, examples: list[str] | None = None, name: str | None = None
) -> TextFacts:
    """Returns what is published about a text.

    Args:
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


def _print_speakers(reader: ChatReader, chat: ChatFormat) -> None:
    """Prints the speakers of a chat, and their names in the text of the model."""
    asks, replies = chat.prefix.removesuffix(": "), chat.opening.removesuffix(": ")
    real = {name: one_line(speaker) for speaker, name in reader.names.items()}
    count = f"{sum(reader.speakers.values()):,} messages of {len(reader.speakers):,} speakers"
    say(f"{count}: the model writes as {real[replies]} to {real[asks]}.")
    if real[replies] != replies or real[asks] != asks:
        called = f"{real[replies]} is called {replies} and {real[asks]} is called {asks}"
        say(f"In the model, {called}: --quote-chat keeps the names.")
