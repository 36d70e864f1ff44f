"""Downloads a run from the Hub for `--resume hf://USER/NAME`, for example after its machine was deleted.

The branch `training` has the same files as the newest checkpoint of the run folder. An older best checkpoint comes from
`main`. Both are checked like every model from the Hub before they are used.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from model.checkpoint.format import CheckpointError
from model.checkpoint.read import read_checkpoint

from ..errors import HubError, RunError
from ..hub.calls import retried
from ..hub.checkpoints import download_run
from ..hub.destination import MAIN, TRAINING, check_repo_name
from .console import say
from .run_folder import RunFolder
from .snapshot import Snapshot, read_snapshot


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
