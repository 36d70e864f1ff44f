"""Predictions of teacher models for the training text, when a run starts or is resumed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from model import CharTokenizer
from model.backends.device import has_fast_bfloat16
from model.cli.arguments import UsageError
from model.terminal import one_line, size_text
from model.tokenizer import UnknownCharacter, describe_unknown

from ..corpus.ids_file import Ids
from ..errors import RunError
from ..learner import distillation, processes
from ..learner.dataset import split
from ..run.console import say, throttled, warn
from ..run.facts import About
from ..run.run_folder import SOFT_TARGETS
from .fine_tune import NamedModel, load_model
from .options import TrainOptions
from .teachers import load_teachers

_KEPT_FREE = 200 << 20  # bytes of disk space that soft targets leave for checkpoints


def load_given_teachers(options: TrainOptions) -> list[NamedModel]:
    """Returns the models of `--teacher`.

    Raises:
        UsageError: several processes train.
        CheckpointError, ModelUnavailableError: a model cannot be loaded.
    """
    if (options.teacher or options.teachers) and processes.count() > 1:
        option = "--teacher" if options.teacher else "--teachers"
        raise UsageError(f"{option} is for a run of one process: start it without torchrun")
    found = []
    for typed in options.teacher:
        say(f"Loading {one_line(typed)} …")
        found.append(load_model(typed))
    return found


def predict(
    teachers: Sequence[NamedModel], tokenizer: CharTokenizer, ids: Ids, folder: Path, device: torch.device
) -> distillation.SoftTargets:
    """Computes the soft targets of the teachers for the part of a text (N,) to train on, in a file of the run.

    Raises:
        UsageError: a teacher lacks a character of the text.
        RunError: the disk has no room.
    """
    train, _ = split(ids)
    for teacher in teachers:
        if unknown := distillation.unknown_characters(teacher.lm, tokenizer):
            listed = describe_unknown([UnknownCharacter(char, 0, 1) for char in unknown])
            raise UsageError(
                f"--teacher {one_line(teacher.name or teacher.lm.name)} lacks {listed}: a teacher needs every "
                "character of the text in its vocabulary"
            )
    check_room(len(train), len(tokenizer), folder)
    say(f"Computing the predictions of {_counted(teachers)} for the text …")
    models = [teacher.lm for teacher in teachers]
    for lm in models:
        lm.network.to(device)
    say_sometimes = throttled()
    return distillation.write_soft_targets(
        models,
        tokenizer,
        train,
        folder / SOFT_TARGETS,
        bfloat16=has_fast_bfloat16(device),
        progress=lambda share: say_sometimes(f"{share:.0%} of the text"),
    )


def check_room(characters: int, vocab_size: int, folder: Path) -> None:
    """Checks that the disk has room for the soft targets of `characters` characters.

    Raises:
        RunError: it has no room.
    """
    needed, free = distillation.bytes_needed(characters, vocab_size), shutil.disk_usage(folder).free
    if needed > free - _KEPT_FREE:
        raise RunError(
            f"the predictions of the teachers take {size_text(needed)} on the disk, and {size_text(free)} are free: "
            "choose another disk with --out"
        )


def about(teachers: Sequence[NamedModel], folder: Path) -> About:
    """Returns the field `taught_by` of what is published about a run; {} without teachers."""
    if not teachers:
        return {}
    names = [teacher.name for teacher in teachers]
    return {"taught_by": {"models": names, "sha256": distillation.digest(folder / SOFT_TARGETS)}}


def resume_predictions(
    options: TrainOptions, record: object, tokenizer: CharTokenizer, ids: Ids, folder: Path, device: torch.device
) -> distillation.SoftTargets:
    """Returns the soft targets of a resumed run: those in its folder, else new ones of its teachers.

    Args:
        record: `taught_by` in the state of the run.
        ids: (N,) the whole text.

    Raises:
        RunError: the folder has no soft targets, and no teachers are given.
    """
    models, sha256 = _checked_record(record)
    train, _ = split(ids)
    kept = distillation.find_soft_targets(folder / SOFT_TARGETS, len(train), len(tokenizer), sha256)
    if kept is not None:
        return kept
    teachers = [*load_given_teachers(options), *load_teachers(folder)]
    if not teachers:
        raise RunError(
            f"this run learns from {_counted(models)}, too, and the predictions are not in its folder: resume it with "
            "--teacher MODEL for each of them"
        )
    soft_targets = predict(teachers, tokenizer, ids, folder, device)
    if distillation.digest(folder / SOFT_TARGETS) != sha256:
        warn("the predictions of the teachers have changed since the start: from here on the losses may differ")
    return soft_targets


def _checked_record(record: object) -> tuple[list[object], str]:
    """Returns the models and the hash of a `TeacherRecord`, which may come from a stranger's repo."""
    if isinstance(record, Mapping):
        models, sha256 = record.get("models"), record.get("sha256")
        if isinstance(models, list) and models and isinstance(sha256, str):
            return models, sha256
    raise RunError("the record of this run's teachers cannot be read: start a new run")


def _counted(models: Sequence[object]) -> str:
    return "a model" if len(models) == 1 else f"{len(models)} models"
