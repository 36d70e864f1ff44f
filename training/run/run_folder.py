"""A run folder on disk: its checkpoints, the files `best` and `latest`, and the log.

    runs/NAME/
      step-00001000/   a checkpoint folder; resuming needs its training_state/
      best, latest     text files, each with the name of one checkpoint folder
      metrics.jsonl    one evaluation a line
      samples.jsonl    the samples of the evaluations: step, prompt, temperature, seed, text
      sources.json     the TEXT arguments, for resuming; never pushed
      progress.log     the progress after each step (see `clock`)
      text.ids         the training text as ids; text.json has its vocabulary (see `kept_text`); never pushed
      teachers/        runs of the teachers of --teachers, until the run is complete
      expected.f16     soft targets of the teachers, until the run is complete
      outbox/          destination.json: where the run is pushed to, and what was pushed (see `hub.destination`)
      lock             locked while a process trains here

A checkpoint is written to a temporary folder, synced and renamed, so readers never find an incomplete one, even after a
power failure.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from model.checkpoint.format import Checkpoint, CheckpointError, parse_json
from model.checkpoint.names import METRICS, SAMPLES, STATE
from model.checkpoint.pointer import BEST, LATEST, STEP_FOLDER, pointed_checkpoint
from model.checkpoint.read import read_checkpoint
from model.checkpoint.samples import Sample
from model.files import AlreadyLockedError, acquire_lock, atomic_write, json_lines, sync_folder

from ..corpus.sources import absolute_source, expanded_path
from ..errors import RunError
from .clock import LOG
from .facts import Evaluation, RunState, parse_run_state
from .state_files import read_metrics, read_state

SOURCES, IDS, TEXT = "sources.json", "text.ids", "text.json"
SOFT_TARGETS = "expected.f16"
LOCK, TEACHERS = "lock", "teachers"
_REPLACED = ".replaced.tmp"  # suffix of a whole checkpoint while a new one of the same step is renamed


@dataclass(frozen=True, kw_only=True)
class SavedRun:
    """The newest checkpoint of a run, as resuming needs it.

    Attributes:
        state: state.json.
        tensors: weights, averaged weights, optimizers, LSTM state; see `Trainer.state_tensors`.
        metrics: the evaluations so far.
        checkpoint: the model.
    """

    state: RunState
    tensors: Mapping[str, Tensor]
    metrics: list[Evaluation]
    checkpoint: Checkpoint


class RunFolder:
    """One run folder, locked so that no other process trains in it.

    Args:
        path: the folder; it is created for a new run.
        resume: True if the folder must hold a run, False if it must not.

    Raises:
        RunError: the folder is missing, holds another run, is in use, or is not writable.
    """

    def __init__(self, path: Path | str, *, resume: bool) -> None:
        shown = str(path)
        self.path = expanded_path(path)
        self._created: list[Path] = []
        if resume:
            self._check_run(shown)
        elif self.steps():
            raise RunError(f"{shown!r} holds a run already: continue it with --resume {shown}, or choose another --out")
        try:
            self._create(self.path)
            self._unlock = acquire_lock(self.path / LOCK)
        except AlreadyLockedError:
            raise RunError(f"another process is training in {shown!r}: wait for it, or choose another --out") from None
        except OSError as error:
            self._remove_created()
            remedy = "" if resume else ": choose another --out"
            raise RunError(f"{shown!r} cannot be written ({error.strerror}){remedy}") from None
        self._restore_replaced()
        # Temporary files of a process that was killed.
        _remove(*self.path.glob(".*.tmp"), *self.path.glob("step-*/.*.tmp"))

    def close(self) -> None:
        """Unlocks the folder for other processes."""
        self._unlock()

    def discard(self) -> None:
        """Unlocks the folder; if it has no checkpoint of the run or of a teacher, also removes what the run created."""
        lock = self.path / LOCK
        teachers = any(has_checkpoint(teacher) for teacher in self.path.glob(f"{TEACHERS}/*"))
        empty = not self.steps() and not teachers
        if empty:  # before the folder is unlocked: another process may start a run in it
            names = (SOURCES, IDS, TEXT, SOFT_TARGETS, LOG, SAMPLES, TEACHERS, "outbox")
            _remove(*(self.path / name for name in names), *self.path.glob(".*.tmp"))
            _remove(lock)
            self._remove_created()
        self._unlock()
        if empty and os.name == "nt":  # Windows removes no open file, and the lock was open until now
            _remove(lock)
            self._remove_created()

    def discard_all(self) -> None:
        """Unlocks the folder and removes everything that was created in it, checkpoints included."""
        _remove(*self.steps(), *(self.path / name for name in (BEST, LATEST, METRICS)))
        self.discard()

    def steps(self) -> list[Path]:
        """Returns the checkpoint folders, oldest first."""
        return _steps(self.path)

    def best(self) -> Path | None:
        """Returns the checkpoint with the lowest validation loss; None when there is none.

        Until a checkpoint has been evaluated, it is the first one.
        """
        return pointed_checkpoint(self.path / BEST)

    def latest(self) -> Path | None:
        """Returns the newest checkpoint; None when there is none."""
        return pointed_checkpoint(self.path / LATEST)

    def save(self, step: int, write: Callable[[Path], None]) -> Path:
        """Adds a checkpoint, whole or not at all, and returns its folder; the caller then points `latest` at it.

        Args:
            step: the step of the checkpoint; an existing checkpoint of that step is replaced.
            write: called with an empty folder; writes the files into it.

        Raises:
            OSError: the disk is full or not writable; the run folder is unchanged.
        """
        folder, temporary = self.path / f"step-{step:08d}", self.path / f".step-{step:08d}.tmp"
        replaced = self.path / f".{folder.name}{_REPLACED}"
        _remove(temporary, replaced)
        try:
            temporary.mkdir()
            write(temporary)
            for inner in (*(path for path in temporary.rglob("*") if path.is_dir()), temporary):
                sync_folder(inner)
            if folder.exists():
                folder.rename(replaced)
            try:
                temporary.rename(folder)
            except OSError:
                self._restore_replaced()
                raise
            sync_folder(self.path)
        finally:
            _remove(temporary)
        _remove(replaced)
        return folder

    def _restore_replaced(self) -> None:
        """Undoes the renaming of checkpoints that were to be replaced when the process was killed."""
        for replaced in _replaced(self.path):
            folder = self.path / replaced.name[1 : -len(_REPLACED)]
            if not folder.exists():
                replaced.rename(folder)

    def mark(self, name: str, folder: Path) -> None:
        """Points `best` or `latest` at a checkpoint.

        Raises:
            OSError: the file cannot be written.
        """
        pointer = self.path / name
        if pointer.is_dir() and not pointer.is_symlink():  # a copy of a run of an earlier version, made without links
            _remove(pointer)
        atomic_write(pointer, f"{folder.name}\n".encode())
        sync_folder(self.path)

    def prune(self, keep: Iterable[str], *, newest: int) -> int:
        """Removes checkpoints except the `newest`, the best, and those named in `keep`; returns how many it removed."""
        steps, best = self.steps(), self.best()
        kept = {folder.name for folder in steps[-newest:]} | {best.name if best else ""} | set(keep)
        old = [folder for folder in steps if folder.name not in kept]
        for folder in old:
            with contextlib.suppress(OSError):  # Windows does not remove a folder that another process reads
                self._remove_checkpoint(folder)
        return sum(not folder.exists() for folder in old)

    def write_metrics(self, evaluations: Iterable[Evaluation]) -> None:
        """Replaces metrics.jsonl of the run."""
        atomic_write(self.path / METRICS, json_lines(evaluations))

    def write_samples(self, samples: Iterable[Sample]) -> None:
        """Replaces samples.jsonl of the run, which is never pushed: a checkpoint has its own if it may be published."""
        atomic_write(self.path / SAMPLES, json_lines(samples))

    def samples(self) -> list[Sample]:
        """Returns the samples up to the newest checkpoint; [] when they cannot be read: no run depends on them."""
        newest = self.latest() or self.path
        path = next((each for each in (newest / SAMPLES, self.path / SAMPLES) if each.exists()), newest)
        try:
            found = cast(list[Sample], [parse_json(SAMPLES, line) for line in path.read_bytes().splitlines()])
            return [sample for sample in found if sample["step"] <= step_of(newest)]
        except (OSError, ValueError, KeyError, TypeError):  # CheckpointError is a ValueError
            return []

    def write_sources(self, sources: Sequence[str], reading: Mapping[str, Any]) -> None:
        """Writes sources.json: where the text is (paths are made absolute), and how it is read.

        Raises:
            RunError: the folder is not writable.
        """
        note = json.dumps({"sources": [absolute_source(source) for source in sources], **reading}) + "\n"
        try:
            atomic_write(self.path / SOURCES, note.encode())
        except OSError as error:
            raise RunError(f"{str(self.path)!r} cannot be written ({error.strerror}): choose another --out") from None

    def read_sources(self) -> tuple[list[str], Mapping[str, Any]]:
        """Returns what `write_sources` wrote.

        Raises:
            RunError: the file is missing or damaged, or the text came from standard input.
        """
        again = f"give the text again: python -m training TEXT --resume {self.path}"
        try:
            note = json.loads((self.path / SOURCES).read_text(encoding="utf-8"))
            sources = [str(source) for source in note["sources"]]
        except (OSError, ValueError, KeyError, TypeError):
            raise RunError(f"{SOURCES} of this run does not say where its text is: {again}") from None
        if "-" in sources:
            raise RunError(f"this run read its text from standard input: {again}")
        return sources, note

    def restore(self, warn: Callable[[str], None]) -> SavedRun:
        """Returns the newest checkpoint that can be resumed, and points `best` and `latest` at whole checkpoints.

        Newer checkpoints that cannot be resumed are renamed, with a warning: to damaged-step-…, or to
        weights-only-step-… when a full disk left no room for the training state.

        Raises:
            RunError: no checkpoint can be resumed.
        """
        aside: dict[Path, str] = {}
        for folder in reversed(self.steps()):
            try:
                checkpoint = read_checkpoint(folder)
                if not (folder / STATE).exists():
                    aside[folder] = f"weights-only-{folder.name}"
                    warn(f"{folder.name} has no training state: the checkpoint before it is resumed")
                    continue
                raw, tensors = read_state(folder)
                metrics = read_metrics(folder)
            except (CheckpointError, OSError) as error:
                aside[folder] = f"damaged-{folder.name}"
                warn(f"{folder.name} is damaged ({error}): the checkpoint before it is resumed")
                continue
            for other, name in aside.items():
                _remove(self.path / name)
                other.rename(self.path / name)
            self.mark(LATEST, folder)
            self._mark_best(metrics)
            return SavedRun(state=parse_run_state(raw), tensors=tensors, metrics=metrics, checkpoint=checkpoint)
        raise RunError(f"no checkpoint in {str(self.path)!r} is whole: nothing can be resumed")

    def _mark_best(self, metrics: Iterable[Evaluation]) -> None:
        """Points `best` at the whole checkpoint with the lowest loss: a process may have been killed before it did."""
        loss = {line["step"]: float(line["val_loss"]) for line in metrics}
        for folder in sorted(self.steps(), key=lambda folder: (loss.get(step_of(folder), math.inf), -step_of(folder))):
            try:
                read_checkpoint(folder)
                read_metrics(folder)
            except (CheckpointError, OSError):
                continue
            self.mark(BEST, folder)
            return

    def _check_run(self, shown: str) -> None:
        if not self.path.is_dir():
            hub = f" (a run on the Hub is written hf://{shown})" if re.fullmatch(r"[\w.-]+/[\w.-]+", shown) else ""
            raise RunError(f"there is no run folder {shown!r}: nothing was resumed{hub}")
        if not self.steps() and not _replaced(self.path):
            if (self.path / STATE).is_dir():
                raise RunError(f"{shown!r} is one checkpoint of a run: resume the run, {str(self.path.parent)!r}")
            raise RunError(f"there is no run to resume in {shown!r}: it has no step-… folder")

    def _create(self, folder: Path) -> None:
        for path in (*reversed(folder.parents), folder):
            if not path.exists():
                path.mkdir(exist_ok=True)
                self._created.append(path)
        if not folder.is_dir():
            folder.mkdir()  # raises the system's error: there is a file of that name

    def _remove_created(self) -> None:
        for path in reversed(self._created):
            with contextlib.suppress(OSError):  # a folder that holds other files stays
                path.rmdir()

    def _remove_checkpoint(self, folder: Path) -> None:
        """Renames the folder before its files are removed, so that an incomplete one is never read as a checkpoint."""
        if folder.exists():
            temporary = self.path / f".{folder.name}.old.tmp"
            _remove(temporary)
            folder.rename(temporary)
            _remove(temporary)


def wait_until_unlocked(run: Path) -> None:
    """Waits while another process is training in a run folder, if there is such a folder."""
    while (run / LOCK).exists():
        try:
            acquire_lock(run / LOCK)()
            return
        except AlreadyLockedError:
            time.sleep(0.1)


def has_checkpoint(run: Path) -> bool:
    """Returns whether a folder holds a run that can be resumed."""
    return bool(_steps(run) or _replaced(run))


def _steps(run: Path) -> list[Path]:
    found = [path for path in run.glob("step-*") if STEP_FOLDER.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=step_of)


def _replaced(run: Path) -> list[Path]:
    return list(run.glob(f".step-*{_REPLACED}"))


def step_of(folder: Path) -> int:
    """Returns the step in a checkpoint folder's name."""
    return int(folder.name.removeprefix("step-"))


def _remove(*paths: Path) -> None:
    """Removes files, links and folders; what cannot be removed stays."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
