"""What the jobs of `hub_child` share: doing a step, saying what went wrong in the words of a user, and who asks.

A module of its own, because `hub_child` is run and not imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from huggingface_hub import HfApi, get_token

from model.hub.errors import WRITE_LOGIN, explain


class JobError(Exception):
    """Why a job failed: one line, whether trying again later may help, and how long the Hub wants to be left alone.

    `scope` is "entry" when only this checkpoint is refused, "repo" when every push would fail in the same way.
    """

    def __init__(self, message: str, *, retry: bool = False, wait_s: float = 0, scope: str = "repo") -> None:
        super().__init__(message)
        self.message, self.retry, self.wait_s, self.scope = message, retry, wait_s, scope


def job_error(error: BaseException, what: str) -> JobError:
    """Returns the failure of doing `what`, such as "creating the repo ada/plays"."""
    if isinstance(error, JobError):
        return error
    found = explain(error, write=True)
    scope = "repo" if found.needs_user else "entry"
    return JobError(f"{what} failed: {found.reason}", retry=found.retry, wait_s=found.wait_s, scope=scope)


def step(what: str, call: Callable[[], Any]) -> Any:
    """Calls, and turns every failure into a `JobError` that says what was being done."""
    try:
        return call()
    except Exception as error:
        raise job_error(error, what) from error


def writer(api: HfApi, wanted: str) -> str:
    """The user whose token this is, and may write; `wanted` is what it is needed for."""
    if not get_token():
        raise JobError(f"pushing to {wanted!r} needs a token of the Hub and there is none: {WRITE_LOGIN}")
    who = step("asking the Hub whose token this is", api.whoami)
    if not isinstance(who.get("name"), str):
        raise JobError("asking the Hub whose token this is failed: the answer names nobody", retry=True)
    role = ((who.get("auth") or {}).get("accessToken") or {}).get("role")
    if role == "read":
        raise JobError(f"the token of {who['name']} may only read: to push to {wanted!r}, {WRITE_LOGIN}")
    return str(who["name"])
