"""A run that goes on from the Hub: ``--resume hf://USER/NAME``, when the machine that began it is gone.

What a checkpoint on the branch ``training`` holds is all that a run folder's newest checkpoint holds; the best one, if
it is an older one, comes from ``main``. Each is checked as strictly as any model of the Hub before it is taken.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from model.checkpoint.format import CheckpointError
from model.checkpoint.read import read_checkpoint
from model.hub.names import MAIN, TRAINING

from ..errors import HubError
from ..hub.jobs import DownloadRun
from ..hub.repos import check_repo_name
from ..hub.worker_process import run_job
from .run_folder import RunFolder, read_metrics, read_state

SCHEME = "hf://"


def pull_run(repo: str, folder: RunFolder) -> None:
    """Fills an empty run folder with the newest checkpoint of a run on the Hub, and with its best.

    Raises:
        HubError: there is none, it cannot be had, or it is damaged.
        OSError: the disk does not take it.
    """
    beside = folder.path / ".pulled.tmp"
    try:
        commit = run_job(DownloadRun(repo=check_repo_name(repo), folder=str(beside))).oid
        try:
            newest = read_checkpoint(beside / TRAINING).training
            step = int(read_state(beside / TRAINING)[1]["steps_done"])
            read_metrics(beside / TRAINING)
        except (CheckpointError, KeyError, ValueError) as error:
            raise HubError(f"what {repo} has of its run at commit {commit[:8]} cannot be resumed: {error}") from None
        if _is_older_best(beside / MAIN, newest, step):
            folder.save(int(read_checkpoint(beside / MAIN).training["step"]), lambda to: _move(beside / MAIN, to))
        folder.save(step, lambda to: _move(beside / TRAINING, to))
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _is_older_best(folder: Path, newest: Any, step: int) -> bool:
    """Whether main holds a checkpoint of this very run, from before; a later one will come again."""
    try:
        best = read_checkpoint(folder).training
        known = {line["step"] for line in read_metrics(folder)}
    except CheckpointError:
        return False
    same = all(best.get(name) == newest.get(name) for name in ("recipe", "corpus", "corpus_characters"))
    return same and best.get("step") in known and best["step"] < step


def _move(folder: Path, to: Path) -> None:
    """Moves files into a checkpoint that is being written, and makes them last through a power cut."""
    for path in folder.iterdir():
        path.rename(to / path.name)
    for path in (path for path in to.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
