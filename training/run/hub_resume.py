"""Downloads a run from the Hub for `--resume hf://USER/NAME`, for example after its machine was deleted.

The branch `training` has the same files as the newest checkpoint of the run folder. An older best checkpoint comes from
`main`. Both are checked like every model from the Hub before they are used.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from model.checkpoint.format import CheckpointError
from model.checkpoint.read import read_checkpoint
from model.checkpoint.record import TrainingRecord
from model.hub.names import MAIN, TRAINING

from ..errors import HubError
from ..hub.calls import retried
from ..hub.checkpoints import download_run
from ..hub.destination import check_repo_name
from .console import say
from .run_folder import RunFolder
from .state_files import read_metrics, read_state

SCHEME = "hf://"


def pull_run(repo: str, folder: RunFolder) -> None:
    """Downloads the newest and the best checkpoint of a run on the Hub into an empty run folder.

    Raises:
        HubError: the repo holds no run, cannot be read, or its files are damaged.
        OSError: the disk is full or not writable.
    """
    temporary = folder.path / ".pulled.tmp"
    try:
        commit = retried(lambda: download_run(check_repo_name(repo), temporary), say)
        try:
            newest = read_checkpoint(temporary / TRAINING).training
            step = int(read_state(temporary / TRAINING)[1]["steps_done"])
            read_metrics(temporary / TRAINING)
        except (CheckpointError, KeyError, ValueError) as error:
            raise HubError(f"the run in {repo} at commit {commit[:8]} cannot be resumed: {error}") from None
        if _is_older_best(temporary / MAIN, newest, step):
            best_step = int(read_checkpoint(temporary / MAIN).training["step"])
            folder.save(best_step, lambda to: _move(temporary / MAIN, to))
        folder.save(step, lambda to: _move(temporary / TRAINING, to))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_older_best(folder: Path, newest: TrainingRecord, step: int) -> bool:
    """Returns whether a folder holds an earlier checkpoint of the same run; a later one is trained again."""
    try:
        best = read_checkpoint(folder).training
        known = {line["step"] for line in read_metrics(folder)}
    except CheckpointError:
        return False
    kept = [(each.get("recipe"), each.get("corpus"), each.get("corpus_characters")) for each in (best, newest)]
    best_step = best.get("step")
    return kept[0] == kept[1] and best_step is not None and best_step in known and best_step < step


def _move(folder: Path, to: Path) -> None:
    """Moves files into a checkpoint folder that is being written, and syncs them to disk."""
    for path in folder.iterdir():
        path.rename(to / path.name)
    for path in (path for path in to.rglob("*") if path.is_file()):
        with path.open("rb+") as file:  # Windows syncs only files that are open for writing
            os.fsync(file.fileno())
