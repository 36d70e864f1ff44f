"""`python -m training.gallery NAME TEXT`: trains a bundled model again, from its text to its card.

The table says of each model which text it has, under which licence, and with which options it was trained;
docs/gallery.md describes the texts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from model import CharLSTM, score, score_adapting
from model.char_lstm import checkpoint_folder
from model.checkpoint.names import BUNDLED_FOLDER, METRICS, SAMPLES, checkpoints_of
from model.checkpoint.record import TrainingRecord, samples_from_json
from model.files import atomic_write
from model.settings import WELCOME_SEEDS

from .card.model_card import write_card
from .card.overlap import Source
from .card.summary import write_welcome
from .cli.main import main as train
from .errors import RunError
from .learner.dataset import split
from .run.console import say
from .run.run_folder import read_kept_text
from .run.snapshot import read_metrics
from .signals import Signals

_PASSAGE = 1_000  # characters of held-out text that config.json keeps, so that anyone can check the loss


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model of the gallery."""

    package: str = ""  # REGISTRY:NAME of the package from which docs/gallery.md makes the text
    corpus: str  # the name of the text, for the page and the card
    license: str = "other"  # the Hub's identifier of the text's licence
    license_name: str = "public-domain"  # if that is `other`
    about: str  # for the card: what the text is, and why a model of it may be published
    options: str  # of `python -m training`; `{NAME}` is replaced by the folder of a run in `earlier`
    earlier: Mapping[str, str] = field(default_factory=dict)  # the options of the runs before, by name, in order
    samples: str = ""  # the run in `earlier` whose samples the page shows; "" for those of the last run
    language: str = "en"  # of the text, as an ISO 639 code; "" for none
    examples: tuple[str, str, str, str]  # prompts for the page
    welcome_seeds: Sequence[int] = WELCOME_SEEDS  # see `write_welcome`


_SMALL = "--preset small --set evaluations=5"
_TAUGHT = "--teacher {first} --teacher {second} --teacher {third} --preset medium --set matrix_lr=0.05,lr=0.006"
_TUNED = "--preset medium --steps 5500 --set matrix_lr=0.045,lr=0.005"

GALLERY = {
    "shakespeare": Entry(
        corpus="Shakespeare",
        about="Scenes from the plays of William Shakespeare, as speeches after the names of their speakers (Tiny "
        "Shakespeare, the file of Karpathy's char-rnn). The plays are in the public domain.",
        options=f"--from {{sixth}} --teacher {{fifth}} --teacher {{sixth}} {_TUNED} --set seed=3,shuffle=true,"
        "dropout_in=0.03,dropout_between=0.2,dropout_out=0.2",
        earlier={
            "first": "--minutes 5",
            "second": "--minutes 5 --set seed=2",
            "third": "--minutes 5 --set seed=3",
            "fourth": f"{_TAUGHT} --minutes 25",
            "fifth": f"{_TAUGHT} --teacher {{fourth}} --steps 5500 "
            "--set dropout_in=0.03,dropout_between=0.2,dropout_out=0.2",
            "sixth": f"--from {{fifth}} --teacher {{fifth}} {_TUNED} --set seed=2,"
            "dropout_in=0.04,dropout_between=0.22,dropout_out=0.22",
        },
        samples="fifth",
        examples=("ROMEO:", "First Citizen:\n", "To be, or not to be", "Once upon a time"),
        welcome_seeds=(304,),
    ),
    "bible": Entry(
        package="debian:bible-kjv-text",
        corpus="King James Bible",
        about="The King James Version of the Bible (1611), one verse a line after its chapter and verse. It is in the "
        "public domain; in the United Kingdom the Crown licenses printed editions. It comes from the Debian package "
        "`bible-kjv-text`.",
        options=f"{_SMALL} --steps 4000",
        examples=("In the beginning", "And the LORD said unto Moses,", "1:1 Now", "Blessed are they"),
    ),
    "tang": Entry(
        package="npm:chinese-poetry",
        corpus="Complete Tang Poems",
        license="mit",
        license_name="",
        about="Poems from the Complete Tang Poems (御定全唐詩, 1705) in traditional characters: those of 4 to 16 lines "
        "of five or seven characters that consist of the 2,000 most frequent characters. The poems are in the public "
        "domain, and the collection is under the MIT licence (copyright 2016 JackeyGao). It comes from the package of "
        "npm `chinese-poetry`.",
        language="lzh",
        options=f"{_SMALL} --set hidden_size=208,embedding_size=96 --steps 2400",
        examples=("《春夜》", "明月", "《送友人》", "白雲"),
    ),
    "jargon": Entry(
        package="debian:dict-jargon",
        corpus="Hackers' slang (Jargon File)",
        about="The Jargon File, version 4.4.7 (29 December 2003), a dictionary of hackers' slang. It is in the public "
        "domain. It comes from the Debian package `dict-jargon`.",
        options=f"{_SMALL} --steps 2600",
        examples=("hacker\n n.\n", "bug", "Unix wizard", "The canonical"),
    ),
    "python": Entry(
        package="python:stdlib",
        corpus="Python's standard library",
        license_name="psf-2.0",
        about="The modules of Python's standard library that are written in ASCII, without its tests and tools. They "
        "are under the PSF License Agreement, version 2; some came with licences of their own, which permit the same.",
        language="",
        options=f"{_SMALL} --steps 2000",
        examples=("def ", "class Parser:", "import ", "    for line in "),
    ),
    "chat": Entry(
        package="pypi:chitchat-dataset",
        corpus="Small talk (BYU Chit-Chat)",
        license="mit",
        license_name="",
        about="Conversations from the BYU Chit-Chat dataset (Myers, Etchart and Fulda 2020) between people who did not "
        "know each other, without names of speakers and without messages that the scan for personal data marks. The "
        "dataset is under the MIT licence (copyright 2019 Perception, Control and Cognition Lab). It comes from the "
        "package of PyPI `chitchat-dataset`.",
        options=f"{_SMALL} --chat --quote-chat --steps 3000",
        examples=("Hello, how are you?", "What are you studying?", "Do you like movies?", "What did you do today?"),
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Trains one run after another and bundles the last; returns 0, or the exit code of the run that failed.

    A run that has a checkpoint is resumed, so the same command continues when it was stopped.
    """
    parser = argparse.ArgumentParser(prog="python -m training.gallery", description="Trains a bundled model again.")
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
            if code := train(["--resume", folder] if checkpoints_of(Path(folder)) else new, signals):
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
        "welcome": write_welcome(lm, entry.welcome_seeds),
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
