"""Spaces: checks or creates one, pushes a page to it, waits until it runs, links to it from a model card."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, constants
from huggingface_hub.errors import RepositoryNotFoundError

from model.checkpoint.names import CARD

from ..card.public_text import with_page_link
from ..errors import HubError
from .calls import Report, commit, file_names, full_repo_name, hub_client, read_file, retried
from .checkpoints import restriction

STATIC, ZERO_GPU = "static", "zero-gpu"
START_S = 1200.0  # an app installs its requirements first, torch included
POLL_S = 2.0
_STARTING = ("BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING", "NO_APP_FILE")


@dataclass(frozen=True)
class Space:
    """A Space for a page."""

    name: str  # USER/NAME
    hardware: str  # the value of --hardware, such as "static" or "zero-gpu"
    private: bool = False  # whether the Space is private, or must be if it is created
    model_private: bool = False  # whether the model that it shows is private or gated

    @property
    def url(self) -> str:
        """The page of the Space on the Hub."""
        return f"{constants.ENDPOINT}/spaces/{self.name}"


def flavor_of(hardware: str) -> str:
    """Returns the Hub's name for a value of --hardware."""
    return "zero-a10g" if hardware == ZERO_GPU else hardware


def check_space(name: str, hardware: str, *, private: bool, model: str | None, publish_anyway: bool = False) -> Space:
    """Checks token and rights; creates the Space (NAME or USER/NAME) on its hardware if it is missing; returns it.

    Args:
        private: whether the Space must be private.
        model: the model on the Hub that it shows. If that is private or gated, the Space must be private, too: it holds
            a copy of the weights.
        publish_anyway: whether the Space may be public even if the model is private or gated.

    Raises:
        HubError: the token may not write, or the Space is public and must be private.
    """
    api = hub_client()
    name = full_repo_name(api, name)
    model_private = bool(model) and bool(restriction(str(model)))
    private = private or (model_private and not publish_anyway)
    try:
        info = api.space_info(name)
    except RepositoryNotFoundError:
        kind: dict[str, Any] = {"space_sdk": STATIC}
        if hardware != STATIC:
            kind = {"space_sdk": "gradio", "space_hardware": flavor_of(hardware)}
        api.create_repo(name, repo_type="space", private=private, exist_ok=True, **kind)
        return Space(name, hardware, private, model_private)
    api.auth_check(name, repo_type="space", write=True)
    if private and not info.private:
        reason = "the model is private or gated" if model_private else "the model or the run is private"
        raise HubError(f"the Space {name} is public already, and {reason}: name another Space")
    return Space(name, hardware, bool(info.private), model_private)


def push_space(space: Space, folder: Path, title: str, variables: Mapping[str, str]) -> tuple[str, bool]:
    """Sets variables and hardware where they differ, and commits a folder; unchanged files are not sent.

    Files of the Space that the folder lacks stay: the user may have added them. Returns the newest commit, and whether
    it is new.
    """
    api, name = hub_client(), space.name
    head = api.space_info(name).sha
    if space.hardware != STATIC:
        now = api.get_space_variables(name)
        for key, value in variables.items():
            if key not in now or now[key].value != value:
                api.add_space_variable(name, key, value)
        flavor: Any = flavor_of(space.hardware)  # may be newer than this client's list
        runtime = api.get_space_runtime(name)
        if flavor not in (runtime.requested_hardware, runtime.hardware):
            api.request_space_hardware(name, flavor)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [CommitOperationAdd(path.relative_to(folder).as_posix(), path) for path in paths]
    made = commit(name, files, title=title, parent=head, repo_type="space")
    return made, made != head


def link_card(repo: str, space: str) -> bool:
    """Adds the link to the Space to a model card, in a commit of its own; returns whether it was missing."""
    info = hub_client().model_info(repo)
    if CARD not in file_names(info):
        return False
    card = read_file(repo, CARD, info.sha)
    linked = with_page_link(card, space)
    if linked != card:
        files = [CommitOperationAdd(CARD, linked.encode())]
        commit(repo, files, title="Link to the page", parent=info.sha)
    return linked != card


def wait_until_up(space: Space, report: Report) -> None:
    """Waits until the Space runs, and reports each stage.

    Raises HubError if the Space failed, or does not run within `START_S` seconds.
    """
    end, reported = time.monotonic() + START_S, ""
    api, what = hub_client(), f"looking at the Space {space.name}"
    while True:
        found = retried(what, lambda: api.get_space_runtime(space.name), report).stage
        stage = str(getattr(found, "value", found))
        if stage != reported:
            report(f"The Space is at stage {stage}.")
            reported = stage
        if stage in ("SLEEPING", "RUNNING"):
            return
        if stage not in _STARTING:
            raise HubError(f"the Space {space.name} does not run ({stage}): its log is at {space.url}")
        if time.monotonic() >= end:
            raise HubError(f"the Space {space.name} does not run after {START_S:.0f} s ({stage}): see {space.url}")
        time.sleep(POLL_S)
