"""Keeps the training text in the run folder: its ids in `text.ids`, its vocabulary and origin in `text.json`.

A resumed run trains on this copy: it need not read or download a large text again, and it does not depend on the
files that the text came from. Neither file is ever pushed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from model.files import atomic_write

from ..corpus.ids_file import open_ids
from ..corpus.reader import Corpus
from .run_folder import IDS, TEXT

_FORMAT = 1
_FIELDS = ("characters", "name", "files", "first_lines", "sha256", "rare", "rare_times")


def write_kept_text(corpus: Corpus, folder: Path) -> None:
    """Writes text.json, which describes text.ids of a run folder."""
    about = {
        "format_version": _FORMAT,
        "vocab": "".join(corpus.vocab),
        "ids": corpus.ids.dtype.str,
        **{name: getattr(corpus, name) for name in _FIELDS},
    }
    atomic_write(folder / TEXT, json.dumps(about).encode())


def read_kept_text(folder: Path, sha256: str | None = None) -> Corpus | None:
    """Returns the text in a run folder; None if it is missing, damaged, or has another SHA-256 than the given one."""
    try:
        about = json.loads((folder / TEXT).read_bytes())
        sha256 = about["sha256"] if sha256 is None else sha256
        if about["format_version"] != _FORMAT or about["sha256"] != sha256:
            return None
        corpus = Corpus(
            ids=open_ids(folder / IDS, about["ids"], about["characters"]),
            vocab=tuple(about["vocab"]),
            name=about["name"],
            sha256=sha256,
            files=tuple(about["files"]),
            first_lines=tuple(about["first_lines"]),
            rare=about.get("rare", 0),
            rare_times=about.get("rare_times", 0),
        )
        digest = hashlib.sha256()
        for piece in corpus.pieces():
            digest.update(piece.encode())
        return corpus if digest.hexdigest() == sha256 else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
