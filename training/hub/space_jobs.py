"""The jobs of `hub_child` that are about Spaces: make sure of one, bring a folder into it, look at it, lead to it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi, SpaceRuntime, constants, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from model.checkpoint.names import CARD

from ..card.escape import leading_to
from .job_steps import JobError, job_error, step, writer

STATIC = "static"
_FREE = "free accounts may host static and ZeroGPU Spaces: say --hardware static, or --hardware zero-gpu"
_ON_THE_WAY = ("BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING", "NO_APP_FILE")
_LOG_LINES = 12
_LOG_TRIES = 3
_LOOK_S = 2.0


def prepare_space(job: dict[str, Any]) -> dict[str, Any]:
    """Makes sure of token, rights and Space, on the hardware that is wanted; makes it if need be.

    Returns:
        name (USER/NAME), private, created, url, where people look at it, and whether the model is private.
    """
    api, wanted, flavor = HfApi(), str(job["repo"]), str(job["flavor"])
    user = writer(api, wanted)
    space = wanted if "/" in wanted else f"{user}/{wanted}"
    model_private = _is_private(api, job["model"])
    private = bool(job["private"]) or model_private
    created = _make(api, space, flavor, private)
    step(
        f"asking for the right to write to the Space {space}",
        lambda: api.auth_check(space, repo_type="space", write=True),
    )
    info = step(f"looking at the Space {space}", lambda: api.space_info(space))
    if private and not info.private:
        raise JobError(f"the Space {space} is public, and what it would show is private; name another Space")
    url = f"{constants.ENDPOINT}/spaces/{space}"
    about = {"name": space, "private": bool(info.private), "created": created, "url": url}
    return {**about, "model_private": model_private}


def _is_private(api: HfApi, model: str | None) -> bool:
    return bool(model and step(f"looking at {model}", lambda: api.model_info(model)).private)


def _make(api: HfApi, space: str, flavor: str, private: bool) -> bool:
    """Whether the Space was made now."""
    try:
        step(f"looking at the Space {space}", lambda: api.space_info(space))
        return False
    except JobError as error:
        if not isinstance(error.__cause__, RepositoryNotFoundError):
            raise
    kind: dict[str, Any] = (
        {"space_sdk": STATIC} if flavor == STATIC else {"space_sdk": "gradio", "space_hardware": flavor}
    )
    what = f"making the Space {space} ({flavor})"
    try:
        api.create_repo(space, repo_type="space", private=private, exist_ok=True, **kind)
    except Exception as error:
        raise _paid(error, what) from error
    return True


def _paid(error: Exception, what: str) -> JobError:
    if isinstance(error, HfHubHTTPError) and error.response.status_code == 402:
        return JobError(f"{what} failed: it needs a paid plan (402); {_FREE}")
    return job_error(error, what)


def push_space(job: dict[str, Any]) -> dict[str, Any]:
    """Sets the Space's hardware and variables, where they differ, and brings a folder into it, in one commit.

    Files that have not changed are not sent, and with none there is no commit. Files of the Space that the folder
    lacks stay: they may be somebody's own.

    Returns:
        the commit's id, and whether it is a new one.
    """
    api, space, flavor, folder = HfApi(), str(job["repo"]), str(job["flavor"]), Path(job["folder"])
    what = f"pushing to the Space {space}"
    head = step(what, lambda: api.space_info(space)).sha
    if flavor != STATIC:
        _set_variables(api, space, dict(job["variables"]))
        _set_hardware(api, space, flavor)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [CommitOperationAdd(path.relative_to(folder).as_posix(), path) for path in paths]
    made = step(
        what,
        lambda: api.create_commit(
            space, files, commit_message=str(job["title"]), repo_type="space", parent_commit=head, num_threads=2
        ),
    )
    return {"commit": made.oid, "changed": made.oid != head}


def _set_variables(api: HfApi, space: str, variables: dict[str, str]) -> None:
    now = step(f"reading the variables of {space}", lambda: api.get_space_variables(space))
    for name, value in variables.items():
        if name not in now or now[name].value != value:
            step(f"setting {name} of {space}", lambda: api.add_space_variable(space, name, value))  # noqa: B023


def _set_hardware(api: HfApi, space: str, flavor: str) -> None:
    runtime: SpaceRuntime = step(f"looking at the Space {space}", lambda: api.get_space_runtime(space))
    if flavor in (runtime.requested_hardware, runtime.hardware):
        return
    try:
        api.request_space_hardware(space, flavor)  # type: ignore[arg-type]  # a flavour newer than this client's list
    except Exception as error:
        raise _paid(error, f"asking for {flavor} for the Space {space}") from error


def link_card(job: dict[str, Any]) -> dict[str, Any]:
    """Has the card of a model lead to its page, in a commit of its own; returns whether there was one."""
    api, repo = HfApi(), str(job["repo"])
    what = f"changing the card of {repo}"
    info = step(what, lambda: api.model_info(repo))
    if CARD not in {sibling.rfilename for sibling in info.siblings or []}:
        return {"changed": False}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(step(what, lambda: hf_hub_download(repo, CARD, revision=info.sha, local_dir=folder)))
        card = path.read_text(encoding="utf-8")
    changed = leading_to(card, str(job["space"]))
    if changed == card:
        return {"changed": False}
    files = [CommitOperationAdd(CARD, changed.encode())]
    step(what, lambda: api.create_commit(repo, files, commit_message="A link to the page", parent_commit=info.sha))
    return {"changed": True}


def watch_space(job: dict[str, Any]) -> dict[str, Any]:
    """Waits until the Space's stage is another than `stage`, or for `watch_s` seconds.

    Returns:
        stage, whether it is still on the way to another, and the end of the log when it has failed.
    """
    api, space, end = HfApi(), str(job["repo"]), time.monotonic() + job["watch_s"]
    while True:
        runtime = step(f"looking at the Space {space}", lambda: api.get_space_runtime(space))
        stage = str(getattr(runtime.stage, "value", runtime.stage))
        if stage != job["stage"] or time.monotonic() >= end:
            break
        time.sleep(_LOOK_S)
    log = _log(api, space, build="BUILD" in stage or stage == "CONFIG_ERROR") if stage.endswith("ERROR") else []
    return {"stage": stage, "on_the_way": stage in _ON_THE_WAY, "log": log}


def _log(api: HfApi, space: str, *, build: bool) -> list[str]:
    """The last lines of a log, or why it cannot be had, which must not hide that the Space has failed."""
    lines: list[str] = []
    for tries in range(_LOG_TRIES):
        time.sleep(_LOOK_S if tries else 0)
        try:
            lines = "".join(api.fetch_space_logs(space, build=build)).splitlines()
            if lines:
                break
            lines = ["(its log did not come)"]  # what the client makes of a silence of some seconds
        except Exception as error:  # noqa: BLE001  the connection broke, or the log is not there yet
            lines = [f"(its log cannot be had: {type(error).__name__})"]
    return [line.rstrip()[:300] for line in lines if line.strip()][-_LOG_LINES:]
