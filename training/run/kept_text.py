"""A run's text in its folder: `text.ids`, which training reads, and `text.json`, which tells what the ids mean.

A run that is resumed finds its text there, without reading a large one, or downloading it, once more; and it goes on
even if the text is gone from where it was. Neither file is ever pushed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from model.files import atomic_write

from ..corpus.ids_file import open_ids
from ..corpus.reader import Corpus, CorpusError
from ..corpus.sources import expand, is_local, stamp
from .run_folder import IDS, TEXT

_FORMAT = 1
_NOTED = ("characters", "name", "files", "first_lines", "datasets", "sha256", "stamp")


def keep(corpus: Corpus, folder: Path) -> None:
    """Notes what the ids in a run's folder are of.

    Raises:
        OSError: the disk does not take it.
    """
    about = {
        "format_version": _FORMAT,
        "vocab": "".join(corpus.vocab),
        "ids": corpus.ids.dtype.str,
        **{name: getattr(corpus, name) for name in _NOTED},
    }
    atomic_write(folder / TEXT, json.dumps(about).encode())


def find(folder: Path, sha256: str) -> Corpus | None:
    """The text that was kept in a run's folder; None unless it is whole and is the text of this hash."""
    try:
        about = json.loads((folder / TEXT).read_bytes())
        if about["format_version"] != _FORMAT or about["sha256"] != sha256:
            return None
        corpus = Corpus(
            ids=open_ids(folder / IDS, about["ids"], about["characters"]),
            vocab=tuple(about["vocab"]),
            name=about["name"],
            sha256=sha256,
            stamp=about["stamp"],
            files=tuple(about["files"]),
            first_lines=tuple(about["first_lines"]),
            datasets=tuple(about["datasets"]),
        )
        return corpus if _hash(corpus) == sha256 else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def is_current(corpus: Corpus, sources: Sequence[str]) -> bool | None:
    """Whether the local files of the sources are as they were when they were read; None if they are gone."""
    try:
        return stamp(expand(typed) for typed in sources if is_local(typed)) == corpus.stamp
    except CorpusError:
        return None


def _hash(corpus: Corpus) -> str:
    digest = hashlib.sha256()
    for piece in corpus.pieces():
        digest.update(piece.encode())
    return digest.hexdigest()
