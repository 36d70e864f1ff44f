"""`python -m training.gallery NAME TEXT`: trains a model of the gallery again, from its text to its card."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from model import CharLSTM, score, score_adapting
from model.char_lstm import checkpoint_folder
from model.checkpoint.bundled import BUNDLED_FOLDER
from model.checkpoint.names import METRICS, SAMPLES
from model.checkpoint.record import TrainingRecord
from model.checkpoint.samples import samples_from_json
from model.files import atomic_write

from ..card.model_card import write_card
from ..card.overlap import Source
from ..card.welcome import write_welcome
from ..cli.main import main as train
from ..errors import RunError
from ..learner.dataset import split
from ..run.console import say
from ..run.kept_text import read_kept_text
from ..run.run_folder import has_checkpoint
from ..run.snapshot import read_metrics
from ..signals import Signals
from .table import GALLERY, Entry

_PASSAGE = 1_000  # characters of held-out text that config.json keeps, so that anyone can check the loss


def main(argv: Sequence[str] | None = None) -> int:
    """Trains one run after another and bundles the last; returns 0, or the exit code of the run that failed.

    A run that has a checkpoint is resumed, so the same command continues when it was stopped.
    """
    parser = argparse.ArgumentParser(prog="python -m training.gallery", description=__doc__)
    parser.add_argument("name", metavar="NAME", choices=GALLERY, help=", ".join(GALLERY))
    parser.add_argument("text", metavar="TEXT", help="the file of its text, see docs/gallery.md")
    typed = parser.parse_args(argv)
    entry, run = GALLERY[typed.name], Path(f"runs/gallery-{typed.name}")
    folders = {name: f"{run}-{name}" for name in entry.earlier}
    runs = [*zip(folders.values(), entry.earlier.values(), strict=True), (str(run), entry.options)]
    with Signals() as signals:
        for number, (folder, words) in enumerate(runs, start=1):
            say(f"Run {number} of {len(runs)}, in {folder}:")
            new = [typed.text, "--license", entry.license, *words.format(**folders).split(), "--out", folder]
            if code := train(["--resume", folder] if has_checkpoint(Path(folder)) else new, signals):
                return code
    bundle(typed.name, entry, run, BUNDLED_FOLDER / typed.name)
    return 0


def bundle(name: str, entry: Entry, run: Path, folder: Path) -> None:
    """Writes the best checkpoint of a finished run into the folder of a bundled model, with a card about the text."""
    corpus = read_kept_text(run)
    if corpus is None:
        raise RunError(f"{run} holds no training text: train the model again")
    train_ids, held_out = split(corpus.ids)
    best = checkpoint_folder(run)
    lm = CharLSTM.from_pretrained(best)
    text = lm.tokenizer.decode(held_out.tolist())
    passage = text[:_PASSAGE]
    loss = score(lm, passage).nats
    learning = Path(f"{run}-{entry.samples}") if entry.samples else run
    samples = [json.loads(line) for line in (learning / SAMPLES).read_bytes().splitlines()]
    noted: TrainingRecord = {
        **lm.training,
        "corpus": entry.corpus,
        **({"language": entry.language} if entry.language else {}),
        "license": entry.license,
        "license_name": entry.license_name,
        "sharing": "public",
        "quotes": "text",
        **({"package": entry.package, "command": f"python -m training.gallery {name} TEXT"} if entry.package else {}),
        "examples": list(entry.examples),
        "passage": passage,
        "passage_loss": loss,
        "val_adapted": score_adapting(lm, text).nats,
        "welcome": write_welcome(lm),
    }
    lm = replace(lm, samples=samples_from_json(samples), training=noted)
    lm.save_pretrained(folder, dtype="bfloat16")
    atomic_write(folder / METRICS, (best / METRICS).read_bytes())
    about = (
        f"{entry.about}\n\nThe first {len(passage):,} held-out characters are stored in config.json (`passage`): read "
        f"from a state of zeros, they cost {loss:.4f} nats per character."
    )
    write_card(folder, lm, read_metrics(best), source=Source(lm.tokenizer, train_ids, held_out), about=about)


if __name__ == "__main__":
    sys.exit(main())
