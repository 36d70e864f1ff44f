"""Turns a finished run into a bundled model: the files of a checkpoint, and a card with a section about the text."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from model import CharLSTM, score, score_adapting
from model.char_lstm import checkpoint_folder
from model.checkpoint.names import CARD, METRICS
from model.checkpoint.record import TrainingRecord
from model.checkpoint.samples import Sample, samples_from_json
from model.files import atomic_write

from ..card.cell_names import name_cells
from ..card.cell_passages import add_passages
from ..card.escape import USE
from ..card.model_card import write_card
from ..card.overlap import Source
from ..card.welcome import write_welcome
from ..corpus.reader import Corpus
from ..errors import RunError
from ..learner.dataset import split
from ..run.kept_text import read_kept_text
from ..run.run_folder import RunFolder
from ..run.state_files import read_metrics
from .table import Entry

PASSAGE = 1_000  # characters of held-out text that config.json keeps, so that anyone can check the loss


def bundle(name: str, entry: Entry, run: Path, folder: Path, samples_of: str | None = None) -> None:
    """Writes the best checkpoint of a run into `folder` as a bundled model.

    Args:
        name: the name of the entry.
        entry: the entry of the model in `table`.
        run: a run folder with its text.
        folder: the folder of the model, whose files are replaced.
        samples_of: a run or checkpoint folder with the samples of a training from scratch; None for those of the run,
            or for those in `folder` if the run started from another model.

    Raises:
        RunError: the run has no checkpoint, its text is missing or is not that of the entry, or it has no samples.
        CheckpointError: a file of the run is damaged.
        OSError: the folder cannot be written.
    """
    corpus = read_kept_text(run)
    if corpus is None:
        raise RunError(f"{run} holds no training text: train the model again")
    check_text(entry, corpus, str(run))
    best = checkpoint_folder(run)
    lm = CharLSTM.from_pretrained(best)
    samples = _samples(lm, run, folder, samples_of)
    train, held_out = split(corpus.ids)
    text = lm.tokenizer.decode(held_out.tolist())
    passage = text[:PASSAGE]
    noted: TrainingRecord = {
        **lm.training,
        "corpus": entry.corpus,
        "license": entry.license,
        "license_name": entry.license_name,
        "sharing": "public",
        "quotes": "text",
        **({"package": entry.package, "command": f"python -m training.gallery {name}"} if entry.package else {}),
        "examples": list(entry.examples),
        "passage": passage,
        "val_adapted": score_adapting(lm, text).nats,
        "welcome": write_welcome(lm),
    }
    cells = lm.cells or tuple(add_passages(lm, name_cells(lm, text), "model"))  # a run names them at its end only
    lm = replace(lm, cells=cells, samples=samples, training={**noted, "passage_loss": score(lm, passage).nats})
    lm.save_pretrained(folder, dtype="bfloat16")
    metrics = read_metrics(best)
    atomic_write(folder / METRICS, (best / METRICS).read_bytes())
    write_card(folder, lm, metrics, source=Source(lm.tokenizer, train, held_out))
    add_text_section(folder, entry.about)


def check_text(entry: Entry, corpus: Corpus, where: str) -> None:
    """Raises RunError if the corpus does not have the SHA-256 that the entry names; an entry may name none."""
    if entry.sha256 and corpus.sha256 != entry.sha256:
        raise RunError(f"{where} holds another text than {entry.corpus}: its SHA-256 is not {entry.sha256}")


def _samples(lm: CharLSTM, run: Path, folder: Path, samples_of: str | None) -> tuple[Sample, ...]:
    """Returns the samples of a training from scratch, see `bundle`."""
    if samples_of is None and not (lm.training.get("base_model") or lm.training.get("base_corpus")):
        with closing(RunFolder(run, resume=True)) as run_folder:
            return samples_from_json(run_folder.samples())
    found = CharLSTM.from_pretrained(checkpoint_folder(samples_of or folder)).samples
    if not found:
        raise RunError(f"{samples_of or folder} holds no samples of a training: name a run with --samples RUN")
    return found


def add_text_section(folder: Path, about: str) -> None:
    """Adds a section to the card of a bundled model: what its text is, and the loss on the passage in config.json."""
    noted = CharLSTM.from_pretrained(folder).training
    card = (folder / CARD).read_text(encoding="utf-8")
    section = f"## Text\n\n{about}{_source(noted)}\n\n{_passage(noted)}\n\n"
    atomic_write(folder / CARD, card.replace(f"\n{USE}\n", f"\n{section}{USE}\n", 1).encode())


def _source(noted: TrainingRecord) -> str:
    registry, _, package = str(noted.get("package", "")).partition(":")
    registries = {"debian": "Debian package", "pypi": "package of PyPI", "npm": "package of npm"}
    return f" It comes from the {registries[registry]} `{package}`." if registry in registries else ""


def _passage(noted: TrainingRecord) -> str:
    return (
        f"The first {len(noted['passage']):,} held-out characters are stored in config.json (`passage`): read from a "
        f"state of zeros, they cost {noted['passage_loss']:.4f} nats per character."
    )
