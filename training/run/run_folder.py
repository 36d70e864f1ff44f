"""A run folder: checkpoints named by their step, ``best`` and ``latest`` among them, and the log.

    runs/NAME/
      step-00001000/   a checkpoint folder; training_state/ in it is what resume needs
      best, latest     text files that hold the names of two of them
      metrics.jsonl    one line an evaluation
      samples.jsonl    what it wrote by then: step, prompt, temperature, seed, text
      sources.json     what was typed as TEXT, for resume; stays on this machine
      text.ids         the text, and text.json what its ids mean (see ``corpus_kept``); they stay too
      expected.f16     what teachers expect of it (see ``teachers``), while the run goes on
      outbox/          what is not on the Hub yet
      lock             held while a process trains here

A checkpoint is written beside, synced and renamed in, so that a reader, or a power cut, finds whole ones only.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from model.checkpoint.format import Checkpoint, CheckpointError, parse_json
from model.checkpoint.names import MANIFEST, METRICS, SAMPLES, STATE
from model.checkpoint.pointer import BEST, LATEST, pointed_checkpoint
from model.checkpoint.read import read_checkpoint
from model.checkpoint.verify import check_manifest
from model.checkpoint.write import write_manifest
from model.files import AlreadyLockedError, acquire_lock, atomic_write, json_bytes, sync_folder

from ..corpus.sources import absolute_source
from ..errors import RunError

SOURCES = "sources.json"
IDS, TEXT = "text.ids", "text.json"
EXPECTED = "expected.f16"
_STATE_FORMAT = 1
_STATE_FILES = ("state.safetensors", "state.json")


class RunFolder:
    """One run on disk, locked against a second process.

    Args:
        path: the folder.
        resume: it must hold a run; otherwise it must not.

    Raises:
        RunError: it is missing, taken, in use, or cannot be written.
    """

    def __init__(self, path: Path | str, *, resume: bool) -> None:
        shown = str(path)
        self.path = Path(os.path.expanduser(path))  # noqa: PTH111  Path.expanduser raises where there is no such user
        self._made: list[Path] = []
        if resume:
            self._check_run(shown)
        elif self.steps():
            raise RunError(f"{shown!r} holds a run already: go on with --resume {shown}, or choose another --out")
        try:
            self._make(self.path)
            self._unlock = acquire_lock(self.path / "lock")
        except AlreadyLockedError:
            raise RunError(f"another process is training in {shown!r}: wait for it, or choose another --out") from None
        except OSError as error:
            self._unmake()
            remedy = "" if resume else ": choose another --out"
            raise RunError(f"{shown!r} cannot be written ({error.strerror}){remedy}") from None
        # What a process that was killed had begun to write.
        _remove(*self.path.glob(".*.tmp"), *self.path.glob("step-*/.*.tmp"))

    def close(self) -> None:
        """Unlocks the folder for other processes."""
        self._unlock()

    def discard(self) -> None:
        """Takes back what was made for a run that has no checkpoint yet; anything else in the folder stays."""
        outbox = self.path / "outbox"
        self._unlock()
        if self.steps() or list(outbox.glob("*-*.json")):
            return
        _remove(*(self.path / name for name in ("lock", SOURCES, IDS, TEXT, EXPECTED)), *self.path.glob(".*.tmp"))
        _remove(outbox / "lock", outbox / "destination.json")
        with contextlib.suppress(OSError):
            outbox.rmdir()
        self._unmake()

    def abandon(self) -> None:
        """Takes back all that was made since the folder held no run: the run does not begin after all."""
        _remove(*self.steps(), *(self.path / name for name in (BEST, LATEST, METRICS)))
        self.discard()

    def steps(self) -> list[Path]:
        """The checkpoint folders, oldest first."""
        found = [path for path in self.path.glob("step-*") if re.fullmatch(r"step-\d{8,}", path.name) and path.is_dir()]
        return sorted(found, key=step_of)

    def best(self) -> Path | None:
        """Returns the checkpoint with the lowest validation loss, or the first one until one has been evaluated."""
        return pointed_checkpoint(self.path / BEST)

    def latest(self) -> Path | None:
        """Returns the newest checkpoint; None when there is none."""
        return pointed_checkpoint(self.path / LATEST)

    def save(self, step: int, write: Callable[[Path], None]) -> Path:
        """Adds a checkpoint, whole or not at all. The caller then points ``latest`` at it.

        Args:
            step: its number; an older one of that number is replaced.
            write: fills the folder that it is given.

        Raises:
            OSError: the disk is full, or worse; what was there is as it was.
        """
        folder, beside = self.path / f"step-{step:08d}", self.path / f".step-{step:08d}.tmp"
        _remove(beside)
        try:
            beside.mkdir()
            write(beside)
            for inner in (*(path for path in beside.rglob("*") if path.is_dir()), beside):
                sync_folder(inner)
            self._remove_checkpoint(folder)
            beside.rename(folder)
            sync_folder(self.path)
        finally:
            _remove(beside)
        return folder

    def mark(self, name: str, folder: Path) -> None:
        """Points ``best`` or ``latest`` at a checkpoint.

        Raises:
            OSError: the file cannot be written.
        """
        pointer = self.path / name
        if pointer.is_dir() and not pointer.is_symlink():  # a copy of a run of an earlier version, made without links
            _remove(pointer)
        atomic_write(pointer, f"{folder.name}\n".encode())
        sync_folder(self.path)

    def prune(self, keep: Iterable[str]) -> int:
        """Removes checkpoints, but not the two newest, the best, or those whose names are given; returns how many."""
        steps, best = self.steps(), self.best()
        kept = {folder.name for folder in steps[-2:]} | {best.name if best else ""} | set(keep)
        old = [folder for folder in steps if folder.name not in kept]
        for folder in old:
            with contextlib.suppress(OSError):  # Windows does not remove a folder that another process reads
                self._remove_checkpoint(folder)
        return sum(not folder.exists() for folder in old)

    def write_metrics(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Replaces the log of the run."""
        atomic_write(self.path / METRICS, metrics_bytes(lines))

    def show_samples(self, folder: Path) -> None:
        """Makes the samples of a checkpoint those of the run; nothing when it has none."""
        if (folder / SAMPLES).exists():
            atomic_write(self.path / SAMPLES, (folder / SAMPLES).read_bytes())

    def samples(self) -> list[dict[str, Any]]:
        """What was written up to the newest checkpoint; [] where that is not known, for no run depends on it."""
        newest = (self.latest() or self.path) / SAMPLES
        try:
            return [parse_json(SAMPLES, line) for line in newest.read_bytes().splitlines()]
        except (OSError, CheckpointError):
            return []

    def write_sources(self, sources: Sequence[str], errors: str) -> None:
        """Notes where the text lies and how it is decoded, for resume; paths are made absolute.

        Raises:
            RunError: the disk does not take it.
        """
        note = json.dumps({"sources": [absolute_source(source) for source in sources], "errors": errors}) + "\n"
        try:
            atomic_write(self.path / SOURCES, note.encode())
        except OSError as error:
            raise RunError(f"{str(self.path)!r} cannot be written ({error.strerror}): choose another --out") from None

    def read_sources(self) -> tuple[list[str], str]:
        """What ``write_sources`` noted.

        Raises:
            RunError: it is gone, or not for resume: standard input cannot be read twice.
        """
        again = f"give the text again: python -m training TEXT --resume {self.path}"
        try:
            note = json.loads((self.path / SOURCES).read_text(encoding="utf-8"))
            sources, errors = [str(source) for source in note["sources"]], str(note.get("errors", "strict"))
        except (OSError, ValueError, KeyError, TypeError):
            raise RunError(f"this run does not know where its text lies: {again}") from None
        if "-" in sources:
            raise RunError(f"this run read its text from standard input: {again}")
        return sources, errors

    def newest_whole(
        self, warn: Callable[[str], None]
    ) -> tuple[dict[str, Any], dict[str, Tensor], list[dict[str, Any]], Checkpoint]:
        """The newest checkpoint that can be resumed: state.json, tensors, metrics, and what is served.

        A damaged one is told of and set aside, and ``best`` and ``latest`` are pointed at whole ones.

        Raises:
            RunError: none can be resumed.
        """
        damaged: list[Path] = []
        for folder in reversed(self.steps()):
            try:
                checkpoint = read_checkpoint(folder)
                found = (*read_state(folder), read_metrics(folder), checkpoint)
            except (CheckpointError, OSError) as error:
                damaged.append(folder)
                warn(f"{folder.name} is damaged ({error}): it is set aside, and the one before it is taken")
                continue
            for bad in damaged:
                aside = self.path / f"damaged-{bad.name}"
                _remove(aside)
                bad.rename(aside)
            self.mark(LATEST, folder)
            self._find_best(found[2])
            return found
        raise RunError(f"no checkpoint in {str(self.path)!r} is whole: nothing can be resumed")

    def _find_best(self, metrics: Iterable[Mapping[str, Any]]) -> None:
        """Marks the best of the checkpoints that are here: the process may have died before it did."""
        loss = {line["step"]: float(line["val_loss"]) for line in metrics}
        for folder in sorted(self.steps(), key=lambda folder: (loss.get(step_of(folder), math.inf), -step_of(folder))):
            try:
                read_checkpoint(folder)
            except (CheckpointError, OSError):
                continue
            self.mark(BEST, folder)
            return

    def _check_run(self, shown: str) -> None:
        if not self.path.is_dir():
            hub = f" (a run on the Hub is hf://{shown})" if re.fullmatch(r"[\w.-]+/[\w.-]+", shown) else ""
            raise RunError(f"there is no run folder {shown!r}: nothing was resumed{hub}")
        if not self.steps():
            if (self.path / STATE).is_dir():
                raise RunError(f"{shown!r} is one checkpoint of a run: resume the run, {str(self.path.parent)!r}")
            raise RunError(f"there is no run to resume in {shown!r}: it has no step-… folder")

    def _make(self, folder: Path) -> None:
        for path in (*reversed(folder.parents), folder):
            if not path.exists():
                path.mkdir(exist_ok=True)
                self._made.append(path)
        if not folder.is_dir():
            folder.mkdir()  # it is a file: let the system say so

    def _unmake(self) -> None:
        for path in reversed(self._made):
            with contextlib.suppress(OSError):  # something else has come into it
                path.rmdir()

    def _remove_checkpoint(self, folder: Path) -> None:
        """In two steps, so that half a removed checkpoint is never taken for one."""
        if folder.exists():
            beside = self.path / f".{folder.name}.old.tmp"
            _remove(beside)
            folder.rename(beside)
            _remove(beside)


def step_of(folder: Path) -> int:
    """The number in a checkpoint folder's name."""
    return int(folder.name.removeprefix("step-"))


def metrics_bytes(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """metrics.jsonl of some evaluations; likewise samples.jsonl of some samples."""
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The evaluations that metrics.jsonl of a folder lists.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    try:
        lines = (folder / METRICS).read_bytes().splitlines()
    except OSError as error:
        raise CheckpointError(f"{METRICS} cannot be read: {error.strerror}") from None
    found = [parse_json(METRICS, line) for line in lines]
    if not all({"step", "val_loss"} <= line.keys() for line in found):
        raise CheckpointError(f"{METRICS} lacks a step or its loss")
    return found


def write_state(folder: Path, about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Writes training_state/: tensors as safetensors, the rest as JSON, and their hashes."""
    state = folder / STATE
    state.mkdir(exist_ok=True)
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    atomic_write(state / "state.safetensors", save(contiguous))
    atomic_write(state / "state.json", json_bytes({"format_version": _STATE_FORMAT, **about}))
    write_manifest(state, _STATE_FILES)


def read_state(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Reads what ``write_state`` wrote.

    Raises:
        CheckpointError: it is missing, damaged, or of a version that this one cannot read.
    """
    state = folder / STATE
    try:
        data = {name: (state / name).read_bytes() for name in _STATE_FILES}
        check_manifest((state / MANIFEST).read_bytes(), data)
    except OSError as error:
        raise CheckpointError(f"{STATE} cannot be read: {error.strerror}") from None
    about = parse_json("state.json", data["state.json"])
    if about.get("format_version") != _STATE_FORMAT:
        raise CheckpointError(f"state.json: format_version is {about.get('format_version')!r:.40}, not {_STATE_FORMAT}")
    try:
        return about, load(data["state.safetensors"])
    except SafetensorError as error:
        raise CheckpointError(f"state.safetensors is damaged: {error}") from None


def _remove(*paths: Path) -> None:
    """Removes files, links and folders as well as it can."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
