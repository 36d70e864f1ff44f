"""The worker's jobs on a Space: check or create it, push a folder to it, watch its stage, link to it from a card."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi, SpaceRuntime, constants
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from model.checkpoint.names import CARD

from ..card.public_text import with_page_link
from .calls import JobError, call, file_names, full_repo_name, job_error, read_file, refuse
from .jobs import STATIC, CheckSpace, Commit, LinkCard, PushSpace, Space, SpaceStage, WatchSpace, flavor_of

_FREE = "free accounts may host static and ZeroGPU Spaces, so use --hardware static or --hardware zero-gpu"
_CHANGING = ("BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING", "NO_APP_FILE")
_LOG_LINES = 12
_LOG_TRIES = 3
_POLL_S = 2.0


def check_space(job: CheckSpace) -> Space:
    """Checks token and rights; creates the Space on its hardware if it is missing; returns it."""
    api = HfApi()
    space, _ = full_repo_name(api, job.repo)
    model_private = bool(job.model) and _is_restricted(api, str(job.model))
    private = job.private or (model_private and not job.publish_anyway)
    _create(api, space, flavor_of(job.hardware), private)
    call(
        f"asking for the right to write to the Space {space}",
        lambda: api.auth_check(space, repo_type="space", write=True),
    )
    info = call(f"looking at the Space {space}", lambda: api.space_info(space))
    if private and not info.private:
        reason = "the model is private or gated" if model_private else "the model or the run is private"
        raise refuse(f"the Space {space} is public already, and {reason}: name another Space")
    url = f"{constants.ENDPOINT}/spaces/{space}"
    return Space(space, job.hardware, bool(info.private), url, model_private)


def _is_restricted(api: HfApi, model: str) -> bool:
    """Returns whether a model is private or gated: a public Space must not hold a copy of its weights."""
    info = call(f"looking at {model}", lambda: api.model_info(model))
    return bool(info.private or info.gated)


def _create(api: HfApi, space: str, flavor: str, private: bool) -> None:
    """Creates the Space if it is missing."""
    try:
        call(f"looking at the Space {space}", lambda: api.space_info(space))
        return
    except JobError as error:
        if not isinstance(error.__cause__, RepositoryNotFoundError):
            raise
    kind: dict[str, Any] = {"space_sdk": STATIC}
    if flavor != STATIC:
        kind = {"space_sdk": "gradio", "space_hardware": flavor}
    try:
        api.create_repo(space, repo_type="space", private=private, exist_ok=True, **kind)
    except Exception as error:
        raise _hardware_error(error, f"creating the Space {space} ({flavor})") from error


def _hardware_error(error: Exception, what: str) -> JobError:
    if isinstance(error, HfHubHTTPError) and error.response.status_code == 402:
        return refuse(f"{what} failed: it needs a paid plan (402); {_FREE}")
    return job_error(error, what)


def push_space(job: PushSpace) -> Commit:
    """Sets variables and hardware where they differ, and commits a folder; unchanged files are not sent.

    Files of the Space that the folder lacks stay: the user may have added them.
    """
    api, space, folder = HfApi(), job.repo, Path(job.folder)
    what = f"pushing to the Space {space}"
    head = call(what, lambda: api.space_info(space)).sha
    if job.hardware != STATIC:
        _set_variables(api, space, job.variables)
        _set_hardware(api, space, flavor_of(job.hardware))
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [CommitOperationAdd(path.relative_to(folder).as_posix(), path) for path in paths]
    made = call(
        what,
        lambda: api.create_commit(
            space, files, commit_message=job.title, repo_type="space", parent_commit=head, num_threads=2
        ),
    )
    return Commit(made.oid, made.oid != head)


def _set_variables(api: HfApi, space: str, variables: dict[str, str]) -> None:
    now = call(f"reading the variables of {space}", lambda: api.get_space_variables(space))
    for name, value in variables.items():
        if name not in now or now[name].value != value:
            call(f"setting {name} of {space}", lambda: api.add_space_variable(space, name, value))  # noqa: B023


def _set_hardware(api: HfApi, space: str, flavor: str) -> None:
    runtime: SpaceRuntime = call(f"looking at the Space {space}", lambda: api.get_space_runtime(space))
    if flavor in (runtime.requested_hardware, runtime.hardware):
        return
    try:
        api.request_space_hardware(space, flavor)  # type: ignore[arg-type]  # may be newer than this client's list
    except Exception as error:
        raise _hardware_error(error, f"asking for {flavor} for the Space {space}") from error


def link_card(job: LinkCard) -> Commit:
    """Adds the link to the Space to a model card, in a commit of its own."""
    api, repo = HfApi(), job.repo
    what = f"changing the card of {repo}"
    info = call(what, lambda: api.model_info(repo))
    if CARD not in file_names(info):
        return Commit(str(info.sha), changed=False)
    card = read_file(what, repo, CARD, info.sha)
    linked = with_page_link(card, job.space)
    if linked == card:
        return Commit(str(info.sha), changed=False)
    files = [CommitOperationAdd(CARD, linked.encode())]
    made = call(what, lambda: api.create_commit(repo, files, commit_message="Link to the page", parent_commit=info.sha))
    return Commit(made.oid)


def watch_space(job: WatchSpace) -> SpaceStage:
    """Polls until the Space's stage has changed, or for `watch_s` seconds."""
    api, space, end = HfApi(), job.repo, time.monotonic() + job.watch_s
    while True:
        runtime = call(f"looking at the Space {space}", lambda: api.get_space_runtime(space))
        stage = str(getattr(runtime.stage, "value", runtime.stage))
        if stage != job.stage or time.monotonic() >= end:
            break
        time.sleep(_POLL_S)
    log = _log(api, space, build="BUILD" in stage or stage == "CONFIG_ERROR") if stage.endswith("ERROR") else []
    return SpaceStage(stage, stage in _CHANGING, log)


def _log(api: HfApi, space: str, *, build: bool) -> list[str]:
    """Returns the last lines of a log, or one line that says why there are none; raises nothing."""
    lines: list[str] = []
    for tries in range(_LOG_TRIES):
        time.sleep(_POLL_S if tries else 0)
        try:
            lines = "".join(api.fetch_space_logs(space, build=build)).splitlines()
            if lines:
                break
            lines = ["(the Hub sent no log)"]  # huggingface_hub returns nothing after some seconds without a line
        except Exception as error:  # noqa: BLE001  the connection broke, or there is no log yet
            lines = [f"(the log cannot be read: {type(error).__name__})"]
    return [line.rstrip()[:300] for line in lines if line.strip()][-_LOG_LINES:]
