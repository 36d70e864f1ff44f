"""Spaces on the Hub: made sure of before any work is done, brought up to date in one commit, watched until they run.

Every request is made by a child process (see `hub_child`) that is killed at its deadline.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..card.redact import redact
from .pusher import HubError, Patience, Report, check_repo_name, insist
from .space_files import STATIC, flavor

START_S = 1200.0  # an app is installed first, torch and all
_STAGES = {
    "BUILDING": "is being built",
    "RUNNING_BUILDING": "is being built; the old page stays until then",
    "APP_STARTING": "is starting",
    "RUNNING_APP_STARTING": "is starting; the old page stays until then",
    "NO_APP_FILE": "waits for its files",
    "SLEEPING": "sleeps until somebody comes",
    "PAUSED": "is paused: restart it on its page",
}
_UP = ("RUNNING", "SLEEPING")
_WATCH_S = 30.0


@dataclass(frozen=True)
class Space:
    """A Space that may be written to: `name` is USER/NAME, `url` where people look at it."""

    name: str
    private: bool
    created: bool
    url: str
    model_private: bool
    hardware: str


@dataclass(frozen=True)
class Page:
    """The Space that a training ends with.

    Attributes:
        name: USER/NAME.
        hardware: as it is typed.
        space: when it was made sure of by this process; a run that goes on does so when it ends.
    """

    name: str
    hardware: str
    space: Space | None = None


def preflight_space(
    space: str, *, hardware: str, private: bool = False, model: str | None = None, patience: Patience | None = None
) -> Space:
    """Makes sure, before any work is done, that a Space can be put up; makes it if need be.

    Args:
        space: NAME or USER/NAME.
        hardware: as it is typed, such as "static" or "zero-gpu".
        private: whether a new Space is private; it is in any case when the model is.
        model: the model on the Hub that it is for, if there is one.

    Raises:
        HubError: there is no right to it, or a plan is needed, or the Hub is away.
    """
    patience = patience or Patience()
    job = {"verb": "prepare_space", "repo": check_repo_name(space), "flavor": flavor(hardware), "private": private}
    outcome = insist({**job, "model": model}, patience, patience.preflight_s)
    return Space(hardware=hardware, **{name: outcome[name] for name in Space.__dataclass_fields__ if name in outcome})


def publish(
    space: Space, folder: Path, title: str, variables: Mapping[str, str], *, patience: Patience | None = None
) -> tuple[str, bool]:
    """Brings a folder into the Space in one commit of what has changed.

    Returns:
        the commit, and whether it is a new one.

    Raises:
        HubError: it could not be done before `patience.attempt_s` was over.
    """
    patience = patience or Patience()
    job = {"verb": "push_space", "repo": space.name, "flavor": flavor(space.hardware), "folder": str(folder)}
    outcome = insist({**job, "title": title, "variables": dict(variables)}, patience, patience.attempt_s)
    return str(outcome["commit"]), bool(outcome["changed"])


def wait_until_up(space: Space, report: Report, *, patience: Patience | None = None, limit_s: float = START_S) -> None:
    """Waits until the Space runs, and says each stage.

    Raises:
        HubError: it failed, with the end of its log; or it does not run before `limit_s` is over.
    """
    patience = patience or Patience()
    end, stage = time.monotonic() + limit_s, ""
    while True:
        watch_s = min(_WATCH_S, max(0.0, end - time.monotonic()))
        job = {"verb": "watch_space", "repo": space.name, "stage": stage, "watch_s": watch_s}
        found = insist(job, patience, watch_s + patience.preflight_s)
        if found["stage"] != stage:
            stage = found["stage"]
            report(f"The Space {_STAGES.get(stage, 'runs' if stage == 'RUNNING' else 'says ' + stage)}.")
        if stage in _UP:
            return
        if not found["on_the_way"]:
            log = "".join(f"\n  {redact(line)}" for line in found["log"])
            raise HubError(f"the Space {space.name} does not run ({stage}): see {space.url}{log}")
        if time.monotonic() >= end:
            raise HubError(f"the Space {space.name} is not up after {limit_s:.0f} s ({stage}): see {space.url}")


def link_card(repo: str, space: str, *, patience: Patience | None = None) -> bool:
    """Has the card of a model on the Hub lead to its page; True when a commit was made for it.

    Raises:
        HubError: it could not be done before `patience.preflight_s` was over.
    """
    patience = patience or Patience()
    job = {"verb": "link_card", "repo": check_repo_name(repo), "space": space}
    return bool(insist(job, patience, patience.preflight_s)["changed"])


def why(hardware: str) -> str:
    """What a kind of page costs, in one line."""
    if hardware == STATIC:
        return "static: it runs in the visitor's own browser, is free for every account, and has no server to outgrow"
    if flavor(hardware) != hardware:
        return f"{hardware}: the app, with its API, on the free hardware of every account (two Spaces each)"
    return f"{hardware}: the app, with its API; the Hub asks for a plan, or for money by the hour"
