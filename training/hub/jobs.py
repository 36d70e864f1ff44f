"""The messages between the training process and its worker process: a job, then its result or a failure.

They are sent as one line of JSON: see `encode_job` and `worker_process`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

R = TypeVar("R")
STATIC, ZERO_GPU = "static", "zero-gpu"
PRIVATE, PUBLIC, UNSCANNED = "private", "public", "unscanned"  # `sharing` of a run, see training.cli.sharing
_FLAVORS = {ZERO_GPU: "zero-a10g"}  # the name in --hardware: the Hub's name


# results


@dataclass(frozen=True)
class Destination:
    """The repo that a run is pushed to.

    Attributes:
        repo: USER/NAME.
        user: the user of the token.
        private: whether the repo is private.
        created: whether it was created just now.
        url: its page on the Hub.
        loss_to_beat: the held-out loss in nats per character of the model on its main branch, which a model with a
            higher loss must not replace; None if any model may be pushed there.
        keep_card: whether its README.md stays, because it is not a model card of this project.
        sharing: the sharing of the run; `private` runs are pushed to private repos only. "" in runs of earlier
            versions.
    """

    repo: str
    user: str
    private: bool
    created: bool
    url: str
    loss_to_beat: float | None = None
    keep_card: bool = False
    sharing: str = ""


@dataclass(frozen=True)
class ModelAccess:
    """Whether a model on the Hub is private, and whether it is gated: readers must ask for access."""

    private: bool
    gated: bool


@dataclass(frozen=True)
class Commit:
    """The newest commit of a branch; `changed` is false if the job made no commit."""

    oid: str
    changed: bool = True


@dataclass(frozen=True)
class FoundRun:
    """USER/NAME of a repo, and the command that started the run in it; None if it holds no run."""

    repo: str
    command: str | None


@dataclass(frozen=True)
class Space:
    """A Space that may be written to.

    Attributes:
        name: USER/NAME.
        hardware: the value of --hardware, such as "static" or "zero-gpu".
        private: whether the Space is private.
        url: its page on the Hub.
        model_private: whether the model that it shows is private or gated.
    """

    name: str
    hardware: str
    private: bool = False
    url: str = ""
    model_private: bool = False


@dataclass(frozen=True)
class SpaceStage:
    """The stage of a Space.

    Attributes:
        stage: the Hub's name of it.
        changing: whether another stage follows.
        log: the last lines of the log after a failure, else [].
    """

    stage: str
    changing: bool
    log: list[str]


@dataclass(frozen=True)
class Failure:
    """The reason for which a job failed.

    Attributes:
        message: one line for the user.
        retry: whether the same job may succeed later.
        wait_s: seconds that the Hub asked to wait before a retry.
        needs_user: whether every job on this repo fails until the user does something.
        timed_out: whether the deadline ended the job; an earlier failure may then have the reason, see `with_reason`.
    """

    message: str
    retry: bool = False
    wait_s: float = 0.0
    needs_user: bool = True
    timed_out: bool = False


def flavor_of(hardware: str) -> str:
    """Returns the Hub's name for a value of --hardware."""
    return _FLAVORS.get(hardware, hardware)


# jobs


@dataclass(frozen=True, kw_only=True)
class Job(Generic[R]):
    """One job of a worker process on one repo."""

    repo: str
    result: ClassVar[type[Any]]  # R
    doing: ClassVar[str] = "looking at"  # for messages: "pushing to ada/plays failed: …"
    is_transfer: ClassVar[bool] = False  # whether files are sent or received, which may take minutes


@dataclass(frozen=True, kw_only=True)
class CheckRepo(Job[Destination]):
    """Checks token, rights, licence and repo before a run; creates the repo (NAME or USER/NAME) and its branch.

    `corpus` and `corpus_characters` are the name and the length of the run's text, with which a loss in the repo is
    compared. With `replace`, everything in the repo may be replaced.
    """

    private: bool
    license: str
    corpus: str = ""
    corpus_characters: int = 0
    replace: bool = False
    result = Destination
    doing = "preparing"


@dataclass(frozen=True, kw_only=True)
class PushCheckpoint(Job[Commit]):
    """Commits a checkpoint folder to a branch; with `with_state`, also what resume needs.

    With `private_only`, nothing is pushed to a repo that is public.
    """

    branch: str
    folder: str
    title: str
    with_state: bool
    keep_card: bool = False
    private_only: bool = False
    result = Commit
    doing = "pushing to"
    is_transfer = True


@dataclass(frozen=True, kw_only=True)
class DownloadRun(Job[Commit]):
    """Downloads the newest checkpoint of a run into FOLDER/training, and the best one into FOLDER/main."""

    folder: str
    result = Commit
    doing = "downloading"
    is_transfer = True


@dataclass(frozen=True, kw_only=True)
class FindRun(Job[FoundRun]):
    """Returns whether a repo holds a run that can be resumed, and the command that started it."""

    result = FoundRun


@dataclass(frozen=True, kw_only=True)
class CheckModel(Job[ModelAccess]):
    """Returns whether a model is private or gated."""

    result = ModelAccess


@dataclass(frozen=True, kw_only=True)
class CheckSpace(Job[Space]):
    """Checks token and rights, and creates the Space if it is missing.

    Attributes:
        private: whether the Space must be private.
        model: the model on the Hub that it shows. If that is private or gated, the Space must be private, too.
        publish_anyway: whether the Space may be public even if the model is private or gated.
    """

    hardware: str
    private: bool
    model: str | None
    publish_anyway: bool = False
    result = Space
    doing = "preparing"


@dataclass(frozen=True, kw_only=True)
class PushSpace(Job[Commit]):
    """Sets hardware and variables of a Space where they differ, and commits a folder to it."""

    hardware: str
    folder: str
    title: str
    variables: dict[str, str] = field(default_factory=dict)
    result = Commit
    doing = "pushing to"
    is_transfer = True


@dataclass(frozen=True, kw_only=True)
class WatchSpace(Job[SpaceStage]):
    """Waits until the stage of a Space is no longer `stage`, at most `watch_s` seconds."""

    stage: str
    watch_s: float
    result = SpaceStage


@dataclass(frozen=True, kw_only=True)
class LinkCard(Job[Commit]):
    """Adds a link to the Space to the model card of a repo."""

    space: str
    result = Commit
    doing = "changing"


def encode_job(job: Job[Any], limits: Sequence[float]) -> str:
    """Returns a job as one line of JSON, with the limits of `worker.main`."""
    return json.dumps({"job": type(job).__name__, "fields": asdict(job), "limits": limits})


def decode_job(line: str) -> tuple[Job[Any], list[float]]:
    """Returns the job that `encode_job` encoded, and the limits."""
    message = json.loads(line)
    kinds = {kind.__name__: kind for kind in Job.__subclasses__()}
    return kinds[message["job"]](**message["fields"]), message["limits"]


def encode_outcome(outcome: object) -> str:
    """Returns a result or a `Failure` as one line of JSON."""
    return json.dumps({"failure" if isinstance(outcome, Failure) else "result": asdict(outcome)})  # type: ignore[call-overload]


def decode_outcome(job: Job[R], text: str) -> R | Failure:
    """Returns the result of `job`, or its failure. Raises ValueError if a worker that died has left no outcome."""
    message = json.loads(text)
    if "failure" in message:
        return Failure(**message["failure"])
    result: R = job.result(**message["result"])
    return result
