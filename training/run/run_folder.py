"""A run folder on disk: its checkpoints, the files `best` and `latest`, and the copy of its training text.

    runs/NAME/
      step-00001000/   a checkpoint folder; resuming needs its training_state/
      best, latest     text files, each with the name of one checkpoint folder
      metrics.jsonl    one evaluation a line
      samples.jsonl    the samples of the evaluations: step, prompt, temperature, seed, text
      progress.log     the progress after each step (see `clock`)
      text.ids         the training text as ids; text.json has its vocabulary and origin; never pushed
      teachers/        runs of the teachers of --teachers, until the run is complete
      expected.f16     soft targets of the teachers, until the run is complete
      outbox/          destination.json: where the run is pushed to, and what was pushed (see `hub.checkpoints`)
      lock             locked while a process trains here

A checkpoint is written to a temporary folder, synced and renamed, so readers never find an incomplete one, even after a
power failure. A resumed run trains on the copy of its text: it need not read or download a large text again, and does
not depend on the files that the text came from.

A run on the Hub, whose machine may be gone, is downloaded for `--resume hf://USER/NAME`. The branch `training` has the
same files as the newest checkpoint of the run folder. An older best checkpoint comes from `main`. Both are checked like
every model from the Hub before they are used.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from model.checkpoint.format import CheckpointError, parse_json
from model.checkpoint.names import BEST, LATEST, SAMPLES, checkpoints_of, pointed_checkpoint, step_of
from model.checkpoint.read import read_checkpoint
from model.checkpoint.record import Sample, samples_from_json
from model.files import atomic_write, sync_folder

from ..corpus.ids_file import open_ids
from ..corpus.reader import Corpus
from ..corpus.sources import expanded_path
from ..errors import HubError, RunError
from ..hub.calls import retried
from ..hub.checkpoints import MAIN, TRAINING, check_repo_name, download_run
from .console import say
from .snapshot import Evaluation, Snapshot, loss_at, read_snapshot

IDS, TEXT = "text.ids", "text.json"
SOFT_TARGETS = "expected.f16"
LOCK, TEACHERS = "lock", "teachers"
_TEXT_FORMAT = 1  # of text.json, and its fields
_TEXT_FIELDS = ("characters", "name", "files", "first_lines", "sha256", "rare", "rare_times")
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
        is_kept = any(checkpoints_of(run) for run in (self.path, *self.path.glob(f"{TEACHERS}/*")))
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


def write_kept_text(corpus: Corpus, folder: Path) -> None:
    """Writes text.json, which describes text.ids of a run folder."""
    about = {
        "format_version": _TEXT_FORMAT,
        "vocab": "".join(corpus.vocab),
        "ids": corpus.ids.dtype.str,
        **{name: getattr(corpus, name) for name in _TEXT_FIELDS},
    }
    atomic_write(folder / TEXT, json.dumps(about).encode())


def read_kept_text(folder: Path, sha256: str | None = None) -> Corpus | None:
    """Returns the text in a run folder; None if it is missing, damaged, or has another SHA-256 than the given one."""
    try:
        about = json.loads((folder / TEXT).read_bytes())
        sha256 = about["sha256"] if sha256 is None else sha256
        if about["format_version"] != _TEXT_FORMAT or about["sha256"] != sha256:
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


def pull_run(repo: str, folder: RunFolder) -> None:
    """Downloads the newest and the best checkpoint of a run on the Hub into an empty run folder.

    Raises:
        HubError: the repo holds no run, cannot be read, or its files are damaged.
    """
    temporary = folder.path / ".pulled.tmp"
    try:
        commit = retried(f"downloading {repo}", lambda: download_run(check_repo_name(repo), temporary), say)
        try:
            newest = read_snapshot(temporary / TRAINING)
        except (CheckpointError, RunError) as error:
            raise HubError(f"the run in {repo} at commit {commit[:8]} cannot be resumed: {error}") from error
        for branch, step in ((MAIN, older_best(temporary / MAIN, newest)), (TRAINING, newest.step)):
            if step is not None:
                folder.save(step, partial(shutil.copytree, temporary / branch, dirs_exist_ok=True))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def older_best(folder: Path, newest: Snapshot) -> int | None:
    """Returns the step of a checkpoint if it is an earlier one of the same run; a later one is trained again."""
    try:
        best, other = read_checkpoint(folder).training, newest.checkpoint.training
    except CheckpointError:
        return None
    is_same = all(best.get(name) == other.get(name) for name in ("recipe", "corpus", "corpus_characters"))
    step = best.get("step", 0)
    return step if is_same and 0 < step < newest.step else None


def _remove(*paths: Path) -> None:
    """Removes files, links and folders; what cannot be removed stays."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
