"""A model at each step of its training: the checkpoints that a run has kept, and the way of its loss.

They lie in a run folder, or on the Hub in the commits of the branch ``training``, one a checkpoint. What is told of
them (metrics.jsonl, titles of commits) is for people to see; a checkpoint is read as strictly as any.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.char_lstm import CharLSTM, is_local
from model.checkpoint.format import CheckpointError, parse_json
from model.checkpoint.names import METRICS
from model.hub.errors import MissingFileError, MissingRevisionError
from model.hub.names import TRAINING, parse_title
from model.hub.snapshot import Snapshot

MAX_MOMENTS = 40
_MAX_PAGES = 20  # of the Hub's list of commits
_MAX_LINES = 5_000
_MAX_BYTES = 16 << 20
_MAX_LOSS = 1e6  # nats; no run goes on from there
_ROUNDED = 6e-5  # a title gives four places


@dataclass(frozen=True)
class Moment:
    """A checkpoint.

    Attributes:
        step: of the training.
        loss: the carried validation loss in nats; None if it was not measured.
        at: the commit, 40 hex digits; or the folder's name.
    """

    step: int
    loss: float | None
    at: str


@dataclass(frozen=True)
class History:
    """A run.

    Attributes:
        source: a repo on the Hub, or the path of a run folder.
        moments: the checkpoints, oldest first, at most ``MAX_MOMENTS``: the first, the last and the best among them.
        losses: step and carried validation loss of every look, in order.
    """

    source: str
    moments: tuple[Moment, ...]
    losses: tuple[tuple[int, float], ...]

    @property
    def best(self) -> Moment | None:
        """The moment with the lowest loss; None while none is known."""
        return min((each for each in self.moments if each.loss is not None), key=_loss, default=None)

    def is_here(self, moment: Moment) -> bool:
        """Whether its files are on this machine, so that loading them needs no network."""
        if is_local(self.source):
            return True
        try:
            Snapshot(self.source, moment.at, offline=True).download()
        except (OSError, CheckpointError):
            return False
        return True

    def bring(self, moment: Moment) -> None:
        """Brings its files here from the Hub.

        Raises:
            ModelUnavailableError: they cannot be had.
            CheckpointError: they are no checkpoint.
        """
        if not is_local(self.source):
            snapshot = Snapshot(self.source, moment.at)
            snapshot.newest_commit()  # a Hub that is away is told by this at once, by the files only after many tries
            snapshot.download()

    def load(self, moment: Moment) -> CharLSTM:
        """The model as it was then.

        Raises:
            CheckpointError: the files are not a model, or not of this step.
            ModelUnavailableError: they cannot be had.
        """
        if is_local(self.source):
            lm = CharLSTM.from_pretrained(Path(self.source).expanduser() / moment.at)
        else:
            lm = CharLSTM.from_pretrained(f"hf://{self.source}", revision=moment.at)
        step = lm.training.get("step")
        if step != moment.step:
            raise CheckpointError(f"the checkpoint says that it is of step {step!r:.40}")
        return lm


def read_history(id_or_path: str) -> History | None:
    """The history of a model, or None if it has none: no branch ``training``, or no run folder.

    Args:
        id_or_path: a Hub id without a revision, or a run folder, see ``CharLSTM.from_pretrained``.

    Raises:
        CheckpointError: metrics.jsonl is damaged.
        ModelUnavailableError: the Hub is away, or does not show the repo.
    """
    if is_local(id_or_path):
        folder = Path(id_or_path).expanduser()
        steps = [path for path in folder.glob("step-*") if re.fullmatch(r"step-\d{8,15}", path.name)]
        if not steps:
            return None
        losses = _losses(folder / METRICS)
        known = dict(losses)
        found = [(int(path.name[5:]), path.name) for path in steps]
        moments = [Moment(step, known.get(step), at) for step, at in sorted(found)]
        return History(id_or_path, _few(moments), losses)
    repo = id_or_path.removeprefix("hf://")
    snapshot = Snapshot(repo, TRAINING)
    try:
        snapshot.commit = snapshot.newest_commit()
        losses = _losses(snapshot.download_file(METRICS))
    except (MissingRevisionError, MissingFileError):
        return None
    return History(repo, _few(_moments(snapshot.list_commits(_MAX_PAGES), dict(losses))), losses)


def _moments(commits: Iterable[tuple[str, str]], losses: dict[int, float]) -> list[Moment]:
    """The checkpoints of the newest run among the commits of a branch, which come newest first.

    A run that was resumed may have pushed a step twice, and another run may have been pushed there before: what does
    not go back in steps, or has another loss than the log says, is not of this run as it became.
    """
    found: list[Moment] = []
    for commit, title in commits:
        parsed = parse_title(title)
        if parsed is None:
            continue
        step, titled_loss = parsed
        loss = losses.get(step)
        other = titled_loss is not None and (loss is None or abs(titled_loss - loss) > _ROUNDED)
        if not other and (not found or step < found[-1].step):
            found.append(Moment(step, loss, commit))
    return found[::-1]


def _few(moments: Sequence[Moment]) -> tuple[Moment, ...]:
    """Some of many, evenly spread."""
    if len(moments) <= MAX_MOMENTS:
        return tuple(moments)
    last = len(moments) - 1
    kept = {round(at * last / (MAX_MOMENTS - 2)) for at in range(MAX_MOMENTS - 1)}
    kept.add(min(range(len(moments)), key=lambda at: _loss(moments[at])))
    return tuple(moments[at] for at in sorted(kept))


def _loss(moment: Moment) -> float:
    return math.inf if moment.loss is None else moment.loss


def _losses(path: Path) -> tuple[tuple[int, float], ...]:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:  # before the first look of a run
        return ()
    except OSError as error:
        raise CheckpointError(f"{METRICS} cannot be read: {error.strerror}") from None
    lines = data.splitlines()
    if len(data) > _MAX_BYTES or len(lines) > _MAX_LINES:
        raise CheckpointError(f"{METRICS} is larger than it can need to be")
    found = [parse_json(METRICS, line) for line in lines]
    known = {line["step"]: float(line["val_loss"]) for line in found if _is_look(line)}
    return tuple(sorted(known.items()))


def _is_look(line: dict[str, Any]) -> bool:
    step, loss = line.get("step"), line.get("val_loss")
    if type(step) is not int or step < 0 or isinstance(loss, bool):
        return False
    return isinstance(loss, int | float) and 0 <= loss <= _MAX_LOSS
