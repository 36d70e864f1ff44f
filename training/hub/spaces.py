"""Waits until the Space of a model runs, and describes what each kind of hardware costs."""

from __future__ import annotations

import time
from dataclasses import dataclass

from model.terminal import terminal_text

from ..card.public_text import redact
from ..errors import HubError
from .jobs import STATIC, Space, WatchSpace, flavor_of
from .pusher import Report
from .worker_process import run_job

START_S = 1200.0  # an app installs its requirements first, torch included
_STAGES = {
    "BUILDING": "is being built",
    "RUNNING_BUILDING": "is being built; the old page runs until then",
    "APP_STARTING": "is starting",
    "RUNNING_APP_STARTING": "is starting; the old page runs until then",
    "NO_APP_FILE": "has no files yet",
    "SLEEPING": "sleeps until a visitor opens it",
    "PAUSED": "is paused: restart it on its page",
    "RUNNING": "runs",
}
_UP = ("RUNNING", "SLEEPING")
_WATCH_S = 30.0


@dataclass(frozen=True)
class Page:
    """The Space that is published when a training ends.

    Attributes:
        name: USER/NAME.
        hardware: the value of --hardware.
        space: the checked Space; None in a resumed run, which checks it at its end.
        private: whether a new Space must be private.
    """

    name: str
    hardware: str
    space: Space | None = None
    private: bool = False


def wait_until_up(space: Space, report: Report) -> None:
    """Waits until the Space runs, and reports each stage.

    Raises:
        HubError: the Space failed, with the end of its log; or it does not run within `START_S` seconds.
    """
    end, stage = time.monotonic() + START_S, ""
    while True:
        watch_s = min(_WATCH_S, max(0.0, end - time.monotonic()))
        job = WatchSpace(repo=space.name, stage=stage, watch_s=watch_s)
        found = run_job(job, extra_s=watch_s, report=report)
        if found.stage != stage:
            stage = found.stage
            report(f"The Space {_STAGES.get(stage, f'is at stage {stage}')}.")
        if stage in _UP:
            return
        if not found.changing:
            log = "".join(f"\n  {terminal_text(redact(line))}" for line in found.log)
            raise HubError(f"the Space {space.name} does not run ({stage}): see {space.url}{log}")
        if time.monotonic() >= end:
            raise HubError(f"the Space {space.name} does not run after {START_S:.0f} s ({stage}): see {space.url}")


def describe_hardware(hardware: str) -> str:
    """Returns one line that says what a page on this hardware needs and costs."""
    if hardware == STATIC:
        return "static: it runs in the visitor's own browser, is free for every account, and needs no server"
    if flavor_of(hardware) != hardware:
        return f"{hardware}: the app, with its API, on the free hardware of every account (two Spaces each)"
    return f"{hardware}: the app, with its API; the Hub asks for a paid plan, or for money by the hour"
