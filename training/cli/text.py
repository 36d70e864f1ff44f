"""The training text of a run: reads it into the run folder, or finds it there, and knows who can read its sources."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from model import CharTokenizer, ChatFormat
from model.checkpoint.record import TrainingRecord
from model.terminal import one_line, own_command, quote_command, size_text

from ..card.public_text import public_source
from ..card.summary import Quotes
from ..corpus.chats.reader import ChatReader
from ..corpus.decode import CorpusError, Reading, codec_name
from ..corpus.ids_file import RARE
from ..corpus.reader import Corpus, read_corpus
from ..corpus.sources import dataset_of, expanded_path, is_public, language_of
from ..errors import RunError
from ..run.console import say, throttled, warn
from ..run.run_folder import IDS, RunFolder, read_kept_text, write_kept_text
from ..run.snapshot import EXAMPLES_FROM, CorpusRecord, PublicText, Snapshot, TextFacts, frequent_beginnings
from .options import TrainOptions, hides_file_names
from .teachers import TeachersPlan

_SHORT = 100_000  # characters; a warning is printed for fewer
_MIN_CHARACTERS = 100  # the held-out tenth of a shorter text is too short to measure a loss


@dataclass(frozen=True, kw_only=True)
class Text:
    """The text of a run."""

    corpus: Corpus  # its ids, in the run folder
    chat: ChatFormat | None  # its format if it is a chat
    facts: TextFacts
    closed: frozenset[str]  # see `closed_sources`

    @property
    def public(self) -> PublicText | None:
        """Where anyone can read the whole text; None if a part is a file of this machine, or is closed."""
        return None if self.closed else self.facts.record["public"]

    def quotes(self, *, quote_chat: bool) -> Quotes:
        """Returns what published files may quote of the text."""
        if self.closed or (self.chat and not quote_chat):
            return "nothing"
        return "text" if self.public is not None and not self.chat else "model"

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


def closed_sources(sources: Sequence[str]) -> frozenset[str]:
    """Returns the addresses that not everyone can read: closed datasets of the Hub, which is asked, and secrets."""
    return frozenset(source for source in sources if "://" in source and not is_public(source))


def public_text(options: TrainOptions, closed: Collection[str]) -> PublicText | None:
    """Returns where anyone can read the text of a new run; `closed`: those of its sources that are closed."""
    if closed or not all("://" in source for source in options.text):
        return None
    return cast(PublicText, {"sources": [*options.text], **asdict(options.reading)})


def datasets_and_language(public: PublicText | None) -> TrainingRecord:
    """Returns the datasets of the Hub in a text that anyone can read, and its language if the datasets state it."""
    if public is None:
        return {}
    if not public["sources"]:  # the documentation that is part of Python
        return {"language": "en"}
    found = [dataset_of(source) for source in public["sources"]]
    datasets = sorted({*filter(None, found)})
    languages = {language_of(dataset) if dataset else "" for dataset in {*found}}
    language = languages.pop() if len(languages) == 1 else ""
    return {**({"datasets": datasets} if datasets else {}), **({"language": language} if language else {})}


def new_text(options: TrainOptions, folder: RunFolder, base_vocab: Sequence[str], plan: TeachersPlan | None) -> Text:
    """Returns the text of a new run.

    A run with a plan of its teachers has its text in its folder; that of a teacher is in the folder of --text-of.
    """
    if plan is not None or options.text_of is not None:
        place = expanded_path(options.text_of) if options.text_of else folder.path
        kept = read_kept_text(place, plan.text.record["sha256"] if plan else None)
        if kept is None:
            raise RunError(f"the copy of the text in {str(place)!r} is missing or damaged: start a new run")
        if plan:
            return Text(corpus=kept, chat=plan.chat, facts=plan.text, closed=closed_sources(options.text))
        return Text(corpus=kept, chat=None, facts=_facts(kept, kept.name, None), closed=frozenset())
    reader = ChatReader(keep_names=options.quote_chat) if options.chat else None
    corpus = _read(options.text, options.reading, folder.path / IDS, base_vocab, reader)
    chat = reader.format(options.reply_as) if reader else None
    write_kept_text(corpus, folder.path)
    closed = closed_sources(options.text)
    public = public_text(options, closed)
    examples: list[str] | None = [] if options.chat or closed else None
    if reader is not None and chat is not None:
        _print_speakers(reader, chat)
        examples = reader.examples(chat) if options.quote_chat and not closed else []
    name = corpus.name
    if closed or (public is None and hides_file_names(options)):
        name = "chat" if options.chat else "text"
    return Text(corpus=corpus, chat=chat, facts=_facts(corpus, name, public, examples), closed=closed)


def resumed_text(options: TrainOptions, folder: RunFolder, saved: Snapshot) -> Text:
    """Returns the text of a resumed run: the copy in its folder, unless TEXT was given."""
    record, about, checkpoint = saved.state["corpus"], saved.state["about"], saved.checkpoint
    public = record.get("public")
    if "quotes" not in about:  # an earlier version, which took every address for one that anyone can read
        about["quotes"], about["command"], record["name"], public = "nothing", "", "text", None
    place = expanded_path(options.text_of) if options.text_of else folder.path
    kept = read_kept_text(place, record["sha256"])
    corpus = kept if kept and not options.text else _read_again(options, folder, saved, kept)
    is_quoted, chat = about["quotes"] != "nothing", checkpoint.chat
    examples = list(checkpoint.training.get("examples", [])) if is_quoted else []
    facts = _facts(corpus, record["name"], public, examples)
    closed = frozenset() if is_quoted or chat else frozenset({"the source of this text"})
    return Text(corpus=corpus, chat=chat, facts=facts, closed=closed)


def _read_again(options: TrainOptions, folder: RunFolder, saved: Snapshot, kept: Corpus | None) -> Corpus:
    record, checkpoint = saved.state["corpus"], saved.checkpoint
    public: Mapping[str, Any] = record.get("public") or {}
    # The record may be a stranger's, so it does not choose what is read. Without sources it is Python's documentation.
    if not options.text and public.get("sources") != []:
        again = quote_command(own_command("training", "resume", options.resume or "", "TEXT"))
        raise RunError(f"the run has no whole copy of its text: give it again: {again}")
    encoding = public.get("encoding")
    reading = Reading(
        errors=options.errors or ("replace" if public.get("errors") == "replace" else "strict"),
        encoding=options.encoding or (codec_name(encoding) if isinstance(encoding, str) else None),
        merge_rare=checkpoint.tokenizer.rare is not None,
    )
    chat = ChatReader(keep_names=saved.state["about"].get("quote_chat", False)) if checkpoint.chat else None
    with TemporaryDirectory(prefix=".", suffix=".tmp", dir=folder.path, ignore_cleanup_errors=True) as temporary:
        ids = Path(temporary if kept else folder.path) / IDS  # another text must not replace the copy
        corpus = _read(options.text, reading, ids, checkpoint.tokenizer.vocab, chat)
        if corpus.sha256 != record["sha256"]:
            raise RunError(
                f"the text is not the one that this run started with ({record['characters']:,} characters then, "
                f"{corpus.characters:,} now, or changed inside): resume with that text, or start a new run"
            )
        if kept is None:
            write_kept_text(corpus, folder.path)
    return kept or corpus


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


def _facts(corpus: Corpus, name: str, public: PublicText | None, examples: list[str] | None = None) -> TextFacts:
    """Returns what is published about a text; `examples`: prompts, None for its frequent line beginnings."""
    record: CorpusRecord = {
        "name": name,
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
