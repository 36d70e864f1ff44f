"""The training history of a model: the checkpoints that its run has kept, and the validation losses.

The checkpoints are in a run folder, or on the Hub in the commits of the branch ``training``, one per commit. Losses and
commit titles are only displayed; a checkpoint is loaded with all checks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.char_lstm import CharLSTM, is_local
from model.checkpoint.format import CheckpointError, parse_json
from model.checkpoint.names import METRICS
from model.checkpoint.pointer import STEP_FOLDER
from model.hub.errors import MissingFileError, MissingRevisionError
from model.hub.names import TRAINING, parse_title
from model.hub.snapshot import Snapshot

MAX_CHECKPOINTS = 40
_MAX_LINES = 5_000
_MAX_BYTES = 16 << 20
_MAX_LOSS = 1e6  # nats; no run continues with such a loss
_ROUNDED = 6e-5  # a commit title gives four decimal places


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint.

    Attributes:
        step: the training step.
        loss: the validation loss in nats per character, the state carried over; None if it was not measured.
        at: the commit, 40 hex digits, or the name of the folder.
    """

    step: int
    loss: float | None
    at: str


@dataclass(frozen=True)
class History:
    """The history of one run.

    Attributes:
        source: a repo on the Hub, or the path of a run folder.
        checkpoints: oldest first; at most ``MAX_CHECKPOINTS``, with the first, the last and the best.
        losses: (step, validation loss) of every evaluation, in order.
    """

    source: str
    checkpoints: tuple[Checkpoint, ...]
    losses: tuple[tuple[int, float], ...]

    @property
    def best(self) -> Checkpoint | None:
        """The checkpoint with the lowest loss; None if no loss is known."""
        return min((each for each in self.checkpoints if each.loss is not None), key=_loss, default=None)

    def is_downloaded(self, checkpoint: Checkpoint) -> bool:
        """Returns whether the files of a checkpoint are on this machine, so that loading it needs no network."""
        if is_local(self.source):
            return True
        try:
            Snapshot(self.source, checkpoint.at, offline=True).download()
        except (OSError, CheckpointError):
            return False
        return True

    def download(self, checkpoint: Checkpoint) -> None:
        """Downloads the files of a checkpoint.

        Raises:
            ModelUnavailableError: the Hub cannot be reached, or does not have the files.
            CheckpointError: the files are not a checkpoint.
        """
        if not is_local(self.source):
            snapshot = Snapshot(self.source, checkpoint.at)
            snapshot.newest_commit()  # fails at once if the Hub cannot be reached; the download would retry for long
            snapshot.download()

    def load(self, checkpoint: Checkpoint) -> CharLSTM:
        """Returns the model of a checkpoint.

        Raises:
            CheckpointError: the files are not a model, or not of this step.
            ModelUnavailableError: the Hub cannot be reached, or does not have the files.
        """
        if is_local(self.source):
            lm = CharLSTM.from_pretrained(Path(self.source).expanduser() / checkpoint.at)
        else:
            lm = CharLSTM.from_pretrained(f"hf://{self.source}", revision=checkpoint.at)
        step = lm.training.get("step")
        if step != checkpoint.step:
            raise CheckpointError(f"the checkpoint is of step {step!r:.40}")
        return lm


def read_history(id_or_path: str) -> History | None:
    """Returns the history of a model, or None if it has none: no branch ``training``, or no run folder.

    Args:
        id_or_path: a Hub id without a revision, or a run folder, see ``CharLSTM.from_pretrained``.

    Raises:
        CheckpointError: metrics.jsonl is damaged.
        ModelUnavailableError: the Hub cannot be reached, or does not have the repo.
    """
    if is_local(id_or_path):
        folder = Path(id_or_path).expanduser()
        steps = [found for path in folder.glob("step-*") if (found := STEP_FOLDER.fullmatch(path.name))]
        if not steps:
            return None
        losses = _losses(folder / METRICS)
        known = dict(losses)
        numbered = sorted((int(found[1]), found[0]) for found in steps)
        checkpoints = [Checkpoint(step, known.get(step), at) for step, at in numbered]
        return History(id_or_path, _few(checkpoints), losses)
    repo = id_or_path.removeprefix("hf://")
    snapshot = Snapshot(repo, TRAINING)
    try:
        snapshot.commit = snapshot.newest_commit()
        losses = _losses(snapshot.download_file(METRICS))
    except (MissingRevisionError, MissingFileError):
        return None
    return History(repo, _few(_checkpoints(snapshot.list_commits(), dict(losses))), losses)


def _checkpoints(commits: Iterable[tuple[str, str]], losses: dict[int, float]) -> list[Checkpoint]:
    """Returns the checkpoints of the newest run among the commits of a branch, given newest first.

    A resumed run may have pushed a step twice, and an earlier run may have used the same branch: a commit whose step
    does not decrease, or whose loss is not the one in metrics.jsonl, is left out.
    """
    found: list[Checkpoint] = []
    for commit, title in commits:
        parsed = parse_title(title)
        if parsed is None:
            continue
        step, titled_loss = parsed
        loss = losses.get(step)
        is_other_run = titled_loss is not None and (loss is None or abs(titled_loss - loss) > _ROUNDED)
        if not is_other_run and (not found or step < found[-1].step):
            found.append(Checkpoint(step, loss, commit))
    return found[::-1]


def _few(checkpoints: Sequence[Checkpoint]) -> tuple[Checkpoint, ...]:
    """Returns at most ``MAX_CHECKPOINTS`` of the checkpoints, evenly spaced, with the first, the last and the best."""
    if len(checkpoints) <= MAX_CHECKPOINTS:
        return tuple(checkpoints)
    last = len(checkpoints) - 1
    kept = {round(at * last / (MAX_CHECKPOINTS - 2)) for at in range(MAX_CHECKPOINTS - 1)}
    kept.add(min(range(len(checkpoints)), key=lambda at: _loss(checkpoints[at])))
    return tuple(checkpoints[at] for at in sorted(kept))


def _loss(checkpoint: Checkpoint) -> float:
    return math.inf if checkpoint.loss is None else checkpoint.loss


def _losses(path: Path) -> tuple[tuple[int, float], ...]:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:  # before the first evaluation of a run
        return ()
    except OSError as error:
        raise CheckpointError(f"{METRICS} cannot be read: {error.strerror}") from None
    lines = data.splitlines()
    if len(data) > _MAX_BYTES or len(lines) > _MAX_LINES:
        raise CheckpointError(f"{METRICS} is larger than it can need to be")
    found = [parse_json(METRICS, line) for line in lines]
    known = {line["step"]: float(line["val_loss"]) for line in found if _is_evaluation(line)}
    return tuple(sorted(known.items()))


def _is_evaluation(line: Mapping[str, Any]) -> bool:
    step, loss = line.get("step"), line.get("val_loss")
    if type(step) is not int or step < 0 or isinstance(loss, bool):
        return False
    return isinstance(loss, int | float) and 0 <= loss <= _MAX_LOSS
