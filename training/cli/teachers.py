"""From the models that a person names as teachers to what they expect of the text, when a run begins or goes on."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from model import CharTokenizer
from model.backends.device import has_fast_bfloat16
from model.terminal import one_line
from model.tokenizer import UnknownCharacter, describe_unknown

from ..corpus.download import size_text
from ..corpus.ids_file import Ids
from ..errors import RunError
from ..learner import distillation as teachers
from ..learner import processes
from ..learner.dataset import split
from ..run.console import now_and_then, say, warn
from ..run.run_folder import EXPECTED
from .fine_tune import Parent, load_parent
from .options import OptionsError

_KEPT_FREE = 200 << 20  # bytes of the disk that are left to checkpoints


def load_teachers(options: argparse.Namespace) -> list[Parent]:
    """The models to learn from.

    Raises:
        OptionsError: several processes train.
        CheckpointError, ModelUnavailableError: one cannot be had.
    """
    if options.teachers and processes.count() > 1:
        raise OptionsError("--teacher is for a run of one process: start it without torchrun")
    found = []
    for typed in options.teachers:
        say(f"Loading {one_line(typed)} …")
        found.append(load_parent(typed))
    return found


def expected_by(
    taught_by: Sequence[Parent], tokenizer: CharTokenizer, ids: Ids, folder: Path, device: torch.device
) -> teachers.SoftTargets:
    """What the teachers expect of the part of a whole text (N,) that is trained on; kept in the run's folder.

    Raises:
        OptionsError: one does not know all characters of the text.
        RunError: the disk has no room for it.
    """
    train, _ = split(ids)
    for teacher in taught_by:
        if unknown := teachers.unknown_characters(teacher.lm, tokenizer):
            listed = describe_unknown([UnknownCharacter(char, 0, 1) for char in unknown])
            raise OptionsError(
                f"--teacher {one_line(teacher.name or teacher.lm.name)} has never seen {listed}: a teacher has to know "
                "every character of the text"
            )
    needed, free = teachers.bytes_needed(len(train), len(tokenizer)), shutil.disk_usage(folder).free
    if needed > free - _KEPT_FREE:
        raise RunError(
            f"what teachers expect of this text takes {size_text(needed)} of the disk, and {size_text(free)} are free: "
            "choose another disk with --out"
        )
    say(f"Asking {_counted(taught_by)} what to expect after each character …")
    models = [teacher.lm for teacher in taught_by]
    for lm in models:
        lm.network.to(device)
    fast, tell = has_fast_bfloat16(device), now_and_then()
    path = folder / EXPECTED
    return teachers.write_soft_targets(
        models, tokenizer, train, path, bfloat16=fast, progress=lambda share: tell(f"{share:.0%} of the text")
    )


def about(taught_by: Sequence[Parent], folder: Path) -> dict[str, Any]:
    """What a run notes of its teachers, for anyone to read."""
    if not taught_by:
        return {}
    names = [teacher.name for teacher in taught_by]
    return {"taught_by": {"models": names, "sha256": teachers.digest(folder / EXPECTED)}}


def expected_again(
    options: argparse.Namespace, noted: object, tokenizer: CharTokenizer, ids: Ids, folder: Path, device: torch.device
) -> teachers.SoftTargets:
    """What teachers expected when the run began: from its folder or, if it is not there, from the teachers once more.

    Raises:
        RunError: it is not there, and no teachers are given.
    """
    models, sha256 = _read_note(noted)
    train, _ = split(ids)
    kept = teachers.find_soft_targets(folder / EXPECTED, len(train), len(tokenizer), sha256)
    if kept is not None:
        return kept
    taught_by = load_teachers(options)
    if not taught_by:
        raise RunError(
            f"this run learns from {_counted(models)} too, and what they expect of the text is not in its "
            "folder: resume it with --teacher MODEL for each of them"
        )
    expected = expected_by(taught_by, tokenizer, ids, folder, device)
    if teachers.digest(folder / EXPECTED) != sha256:
        warn("the teachers expect something else than when the run began: from here on the numbers may differ")
    return expected


def _read_note(noted: object) -> tuple[list[object], str]:
    """Models and hash of what ``about`` made; it may come from a stranger's repo."""
    if isinstance(noted, Mapping):
        models, sha256 = noted.get("models"), noted.get("sha256")
        if isinstance(models, list) and models and isinstance(sha256, str):
            return models, sha256
    raise RunError("what this run has noted of its teachers cannot be read: train anew")


def _counted(models: Sequence[object]) -> str:
    return "a model" if len(models) == 1 else f"{len(models)} models"
