"""The repo that a run is pushed to, and outbox/destination.json of the run folder, which records it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from huggingface_hub import constants

from model.files import atomic_write, json_bytes

from ..errors import HubError

MAIN = "main"  # the branch of the best checkpoint, which is loaded by default
TRAINING = "training"  # the branch with a commit for each checkpoint, with all files that --resume needs
DESTINATION = "outbox/destination.json"  # in the run folder
PRIVATE, PUBLIC, UNSCANNED = "private", "public", "unscanned"  # `sharing` of a run, see training.cli.sharing
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"


@dataclass(frozen=True)
class Destination:
    """The repo that a run is pushed to."""

    repo: str  # USER/NAME
    private: bool = False
    # The held-out loss in nats per character of the model on its main branch, which a model with a higher loss must not
    # replace; None if any model may be pushed there
    loss_to_beat: float | None = None
    keep_card: bool = False  # whether its README.md stays, because it is not a model card of this project
    # The sharing of the run; `private` runs are pushed to private repos only. "" in runs of earlier versions
    sharing: str = ""
    # By branch, the step of the checkpoint that was pushed last
    pushed: Mapping[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The page of the repo on the Hub."""
        return f"{constants.ENDPOINT}/{self.repo}"


def check_repo_name(repo: str) -> str:
    """Returns `repo` if it is NAME or USER/NAME as the Hub allows it; else raises HubError. Makes no request."""
    if re.search(r"hf_[A-Za-z0-9]{30}", repo):
        raise HubError("the name of the repo looks like a token: give NAME or USER/NAME, and revoke the token")
    if re.fullmatch(rf"(?:{_NAME}/)?{_NAME}", repo) and not re.search(r"--|\.\.|\.git$", repo):
        return repo
    rule = "letters, digits, '-', '_' and '.' (no '--', no '..', not ending in '.git', at most 96 characters each)"
    raise HubError(f"{repo!r} is not the name of a repo: give NAME or USER/NAME, made of {rule}")


def write_destination(run_folder: Path, destination: Destination) -> None:
    """Writes into a run folder where the run is pushed to. Raises OSError if the disk is full."""
    path = run_folder / DESTINATION
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json_bytes(asdict(destination)))


def read_destination(run_folder: Path | str) -> Destination:
    """Returns where a run was pushed to so far. Raises HubError if it was never pushed."""
    try:
        noted = json.loads((Path(run_folder) / DESTINATION).read_text(encoding="utf-8"))
        # Runs of earlier versions noted more.
        return Destination(**{each.name: noted[each.name] for each in fields(Destination) if each.name in noted})
    except FileNotFoundError:
        name = Path(run_folder).name
        raise HubError(f"run {name!r} has no destination on the Hub: resume it with --push-to USER/NAME") from None
    except (ValueError, TypeError, OSError) as error:
        raise HubError(f"{DESTINATION} cannot be read ({error}): resume with --push-to USER/NAME") from error
