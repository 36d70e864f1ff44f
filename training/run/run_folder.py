"""A run folder on disk: its checkpoints, the files `best` and `latest`, and where its text is.

    runs/NAME/
      step-00001000/   a checkpoint folder; resuming needs its training_state/
      best, latest     text files, each with the name of one checkpoint folder
      metrics.jsonl    one evaluation a line
      samples.jsonl    the samples of the evaluations: step, prompt, temperature, seed, text
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
import errno
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from model.checkpoint.format import CheckpointError, parse_json
from model.checkpoint.names import SAMPLES
from model.checkpoint.pointer import BEST, LATEST, checkpoints_of, pointed_checkpoint, step_of
from model.checkpoint.read import read_checkpoint
from model.checkpoint.samples import Sample, samples_from_json
from model.files import atomic_write, sync_folder

from ..corpus.sources import expanded_path
from ..errors import RunError
from .facts import Evaluation
from .snapshot import Snapshot, loss_at, read_snapshot

IDS, TEXT = "text.ids", "text.json"
SOFT_TARGETS = "expected.f16"
LOCK, TEACHERS = "lock", "teachers"
# The errors of file systems without locks, such as some network drives: two processes can then train in one folder.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)


class RunFolder:
    """One run folder, locked so that no other process trains in it.

    Args:
        resume: True if the folder must hold a run; False if it must not, and it is created.
        waits: whether another process that trains here is waited for; otherwise it is an error.

    Raises:
        RunError: the folder is missing, holds another run, is in use, or is not writable.
    """

    def __init__(self, path: Path | str, *, resume: bool, waits: bool = False) -> None:
        shown = str(path)
        self.path = expanded_path(path)
        if resume and not self.path.is_dir():
            raise RunError(f"there is no run folder {shown!r}: nothing was resumed (a run on the Hub: hf://USER/NAME)")
        if resume and not self.steps():
            raise RunError(f"there is no run to resume in {shown!r}: it has no step-… folder")
        if not resume and self.steps():
            raise RunError(f"{shown!r} holds a run already: continue it with --resume {shown}, or choose another --out")
        self._new = [folder for folder in (self.path, self.path.parent) if not folder.exists()]
        self._lock = FileLock(self.path / LOCK, blocking=waits, thread_local=False)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / LOCK).open("a").close()  # on Windows, filelock waits for a folder that it cannot write to
            self._lock.acquire()
        except Timeout:
            raise RunError(f"another process is training in {shown!r}: wait for it, or choose another --out") from None
        except (NotImplementedError, OSError) as error:  # filelock 3 raises the first one where there are no locks
            if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
                remedy = "" if resume else ": choose another --out"
                raise RunError(f"{shown!r} cannot be written ({error.strerror}){remedy}") from error
        # Temporary files of a process that was killed.
        _remove(*self.path.glob(".*.tmp"), *self.path.glob("step-*/.*.tmp"))

    def discard(self, *, with_checkpoints: bool = False) -> None:
        """Unlocks the folder; removes a new one, unless a checkpoint of the run or of a teacher is to be kept."""
        self._lock.release()
        is_kept = any(has_checkpoint(run) for run in (self.path, *self.path.glob(f"{TEACHERS}/*")))
        if self.path in self._new and (with_checkpoints or not is_kept):
            _remove(self.path)
            if self.path.parent in self._new:
                with contextlib.suppress(OSError):  # it may have other runs meanwhile
                    self.path.parent.rmdir()

    def steps(self) -> list[Path]:
        """Returns the checkpoint folders, oldest first."""
        return checkpoints_of(self.path)

    def best(self) -> Path | None:
        """Returns the checkpoint with the lowest validation loss; None when there is none.

        Until a checkpoint has been evaluated, it is the first one.
        """
        return pointed_checkpoint(self.path / BEST)

    def save(self, step: int, write: Callable[[Path], object]) -> Path:
        """Adds a checkpoint, whole or not at all, and returns its folder; the caller then points `latest` at it.

        Args:
            step: the step of the checkpoint; an existing checkpoint of that step is replaced.
            write: called with an empty folder; writes the files into it.

        Raises:
            OSError: the disk is full or not writable; the run folder is unchanged.
        """
        folder, temporary = self.path / f"step-{step:08d}", self.path / f".step-{step:08d}.tmp"
        try:
            _remove(temporary)
            temporary.mkdir()
            write(temporary)
            for inner in (*(path for path in temporary.rglob("*") if path.is_dir()), temporary):
                sync_folder(inner)
            _remove(folder)
            temporary.rename(folder)
            sync_folder(self.path)
        finally:
            _remove(temporary)
        return folder

    def mark(self, name: str, folder: Path) -> None:
        """Points `best` or `latest` at a checkpoint."""
        atomic_write(self.path / name, f"{folder.name}\n".encode())
        sync_folder(self.path)

    def prune(self, keep: Iterable[str], *, newest: int) -> None:
        """Removes checkpoints except the `newest`, the best, and those named in `keep`."""
        steps, best = self.steps(), self.best()
        kept = {folder.name for folder in steps[-newest:]} | {best.name if best else ""} | set(keep)
        for folder in steps:
            if folder.name not in kept:
                _remove(folder)

    def restore(self, warn: Callable[[str], None]) -> Snapshot:
        """Returns the newest checkpoint that can be resumed, and points `best` and `latest` at whole checkpoints.

        Newer ones that are damaged are renamed to damaged-step-…, with a warning.

        Raises:
            RunError: no checkpoint can be resumed.
        """
        damaged: list[Path] = []
        for folder in reversed(self.steps()):
            try:
                found = read_snapshot(folder)
            except (CheckpointError, OSError) as error:
                damaged.append(folder)
                warn(f"{folder.name} cannot be resumed ({error}): the checkpoint before it is resumed")
                continue
            for other in damaged:
                _remove(self.path / f"damaged-{other.name}")
                other.rename(self.path / f"damaged-{other.name}")
            self.mark(LATEST, folder)
            self._mark_best(found.metrics)
            return replace(found, samples=found.samples or self._read_samples(found.step))
        raise RunError(f"no checkpoint in {str(self.path)!r} is whole: nothing can be resumed")

    def _mark_best(self, metrics: Sequence[Evaluation]) -> None:
        """Points `best` at the whole checkpoint with the lowest loss: a process may have been killed before it did."""
        for folder in sorted(self.steps(), key=lambda folder: (loss_at(step_of(folder), metrics), -step_of(folder))):
            with contextlib.suppress(CheckpointError, OSError):
                read_checkpoint(folder)
                self.mark(BEST, folder)
                return

    def _read_samples(self, step: int) -> list[Sample]:
        """Returns the samples of the run up to a step, which the checkpoints of a private text do not have; else []."""
        try:
            lines = [parse_json(SAMPLES, line) for line in (self.path / SAMPLES).read_bytes().splitlines()]
            return [sample for sample in samples_from_json(lines) if sample["step"] <= step]
        except (OSError, ValueError):  # CheckpointError is a ValueError
            return []


def has_checkpoint(run: Path) -> bool:
    """Returns whether a folder holds a run that can be resumed."""
    return bool(checkpoints_of(run))


def _remove(*paths: Path) -> None:
    """Removes files, links and folders; what cannot be removed stays."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
