"""A run folder: checkpoints named by their step, ``best`` and ``latest`` among them, and the log.

    runs/NAME/
      step-00001000/   a checkpoint folder; training_state/ in it is what resume needs
      best, latest     links to two of them
      metrics.jsonl    one line an evaluation
      sources.json     what was typed as TEXT, for resume; stays on this machine
      outbox/          what is not on the Hub yet

A checkpoint is written beside, synced and renamed in, so that a reader, or a power cut, finds whole ones only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from model.checkpoint import (
    MANIFEST,
    CheckpointError,
    check_manifest,
    json_bytes,
    parse_json,
    read_checkpoint,
    replace_file,
    write_manifest,
)

try:
    import fcntl
except ImportError:  # Windows has none: there two runs in one folder are the user's to avoid
    fcntl = None  # type: ignore[assignment]

METRICS, STATE = "metrics.jsonl", "training_state"
_STATE_FORMAT = 1


class RunError(ValueError):
    """A run folder cannot be used as asked. The message says why and what to do."""


class RunFolder:
    """One run on disk, locked against a second process.

    Args:
        path: the folder.
        resume: it must hold a run; otherwise it must not.

    Raises:
        RunError: it is missing, taken, in use, or cannot be written.
    """

    def __init__(self, path: Path | str, *, resume: bool) -> None:
        self.path = Path(path).expanduser()
        shown = str(path)
        if resume and not self.steps():
            raise RunError(f"there is no run to resume in {shown!r}: it has no step-… folder")
        if not resume and self.steps():
            raise RunError(f"{shown!r} holds a run already: go on with --resume {shown}, or choose another --out")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = (self.path / "lock").open("a")
        except OSError as error:
            raise RunError(f"{shown!r} cannot be written: {error.strerror}: choose another --out") from None
        try:
            if fcntl is not None:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise RunError(f"another process is training in {shown!r}: wait for it, or choose another --out") from None
        for litter in self.path.glob(".*.tmp"):  # a checkpoint whose writing was cut short
            shutil.rmtree(litter, ignore_errors=True)

    def close(self) -> None:
        """Lets another process have it."""
        self._lock.close()

    def steps(self) -> list[Path]:
        """The checkpoint folders, oldest first."""
        return sorted(path for path in self.path.glob("step-*") if re.fullmatch(r"step-\d{8,}", path.name))

    def step_folder(self, step: int) -> Path:
        return self.path / f"step-{step:08d}"

    def best(self) -> Path | None:
        """The checkpoint with the lowest validation loss, if one was evaluated."""
        link = self.path / "best"
        return self.path / link.readlink() if link.is_symlink() else None

    def save(self, step: int, write: Callable[[Path], None]) -> Path:
        """Adds a checkpoint, whole or not at all, and names it ``latest``.

        Args:
            step: its number; an older one of that number is replaced.
            write: fills the folder that it is given.

        Raises:
            OSError: the disk is full, or worse; what was there is as it was.
        """
        folder, beside = self.step_folder(step), self.path / f".step-{step:08d}.tmp"
        shutil.rmtree(beside, ignore_errors=True)
        try:
            beside.mkdir()
            write(beside)
            _sync(beside)
            if folder.exists():
                shutil.rmtree(folder)
            beside.rename(folder)
            _sync(self.path)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        self.mark("latest", folder)
        return folder

    def mark(self, name: str, folder: Path) -> None:
        """Points ``best`` or ``latest`` at a checkpoint."""
        beside = self.path / f".{name}.tmp"
        beside.unlink(missing_ok=True)
        beside.symlink_to(folder.name)
        beside.replace(self.path / name)

    def prune(self, keep: Iterable[str]) -> None:
        """Removes checkpoints, but not the two newest, the best, or those whose names are given."""
        steps, best = self.steps(), self.best()
        kept = {folder.name for folder in steps[-2:]} | {best.name if best else ""} | set(keep)
        for folder in steps:
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def write_metrics(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Replaces the log of the run."""
        replace_file(self.path / METRICS, metrics_bytes(lines))

    def write_sources(self, sources: Iterable[str]) -> None:
        """Notes where the text lies, for resume; paths are made absolute."""
        absolute = [str(Path(s).expanduser().resolve()) if Path(s).expanduser().exists() else s for s in sources]
        replace_file(self.path / "sources.json", json_bytes({"sources": absolute}))

    def read_sources(self) -> list[str]:
        """What ``write_sources`` noted; [] when there is nothing to read."""
        try:
            return list(json.loads((self.path / "sources.json").read_text())["sources"])
        except (OSError, ValueError, KeyError):
            return []

    def newest_whole(self, warn: Callable[[str], None]) -> tuple[Path, dict[str, Any], dict[str, Tensor]]:
        """The newest checkpoint that can be resumed: folder, state.json and tensors. A damaged one is told of.

        Raises:
            RunError: none can.
        """
        for folder in reversed(self.steps()):
            try:
                read_checkpoint(folder)
                return folder, *read_state(folder)
            except (CheckpointError, OSError) as error:
                warn(f"{folder.name} is damaged and passed over: {error}")
        raise RunError(f"no checkpoint in {self.path.name!r} is whole: nothing can be resumed")


def metrics_bytes(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """metrics.jsonl of some evaluations."""
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The evaluations that metrics.jsonl of a folder lists."""
    return [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]


def write_state(folder: Path, about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Writes training_state/: tensors as safetensors, the rest as JSON, and their hashes."""
    state = folder / STATE
    state.mkdir(exist_ok=True)
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    replace_file(state / "state.safetensors", save(contiguous))
    replace_file(state / "state.json", json_bytes({"format_version": _STATE_FORMAT, **about}))
    write_manifest(state, ["state.safetensors", "state.json"])


def read_state(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Reads what ``write_state`` wrote.

    Raises:
        CheckpointError: it is missing, damaged, or of a version that this one cannot read.
    """
    state = folder / STATE
    try:
        data = {name: (state / name).read_bytes() for name in ("state.safetensors", "state.json")}
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


def _sync(folder: Path) -> None:
    """Makes the names in a folder last through a power cut; on systems that cannot, does nothing."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)
