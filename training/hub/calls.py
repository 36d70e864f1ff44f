"""One call of the Hub's client, with a clear error when it fails. Used by all jobs of the worker process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfApi, ModelInfo, SpaceInfo, get_token, hf_hub_download

from model.hub.errors import WRITE_LOGIN, explain

from .jobs import Failure

T = TypeVar("T")


class JobError(Exception):
    """A job failed; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def refuse(message: str, *, retry: bool = False, needs_user: bool = True) -> JobError:
    """Returns the error of a job that refuses to continue for this reason."""
    return JobError(Failure(message, retry=retry, needs_user=needs_user))


def job_error(error: BaseException, what: str) -> JobError:
    """Returns the error of a job: `what`, such as "creating the repo ada/plays", failed with `error`."""
    if isinstance(error, JobError):
        return error
    found = explain(error, write=True)
    message = f"{what} failed: {found.reason}"
    return JobError(Failure(message, retry=found.retry, wait_s=found.wait_s, needs_user=found.needs_user))


def call(what: str, function: Callable[[], T]) -> T:
    """Returns `function()`; an exception becomes a JobError that begins with `what`, see `job_error`."""
    try:
        return function()
    except Exception as error:
        raise job_error(error, what) from error


def full_repo_name(api: HfApi, name: str) -> tuple[str, str]:
    """Returns USER/NAME for NAME or USER/NAME, and the user of the token, which must be able to write."""
    if not get_token():
        raise refuse(f"pushing to {name!r} needs a token of the Hub and there is none: {WRITE_LOGIN}")
    account = call("asking the Hub for the user of the token", api.whoami)
    user = account.get("name")
    if not isinstance(user, str):
        raise refuse("asking the Hub for the user of the token failed: the answer has no user", retry=True)
    role = ((account.get("auth") or {}).get("accessToken") or {}).get("role")
    if role == "read":
        raise refuse(f"the token of {user} may only read: to push to {name!r}, {WRITE_LOGIN}")
    return (name if "/" in name else f"{user}/{name}"), user


def file_names(info: ModelInfo | SpaceInfo) -> set[str]:
    """Returns the names of all files of a commit."""
    return {sibling.rfilename for sibling in info.siblings or []}


def read_file(what: str, repo: str, name: str, commit: str | None) -> str:
    """Returns the text of a file at a commit of a model; bytes that are not UTF-8 are replaced."""
    with tempfile.TemporaryDirectory() as folder:
        path = call(what, lambda: hf_hub_download(repo, name, revision=commit, local_dir=folder))
        return Path(path).read_text(encoding="utf-8", errors="replace")
