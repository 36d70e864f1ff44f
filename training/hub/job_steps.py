"""What the jobs of `hub_child` share: doing a step, saying what went wrong in the words of a user, and who asks.

A module of its own, because `hub_child` is run and not imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError

LOGIN = "run `hf auth login` with a token that may write (https://huggingface.co/settings/tokens), or set HF_TOKEN"


class JobError(Exception):
    """Why a job failed: one line, whether trying again later may help, and how long the Hub wants to be left alone.

    `scope` is "entry" when only this checkpoint is refused, "repo" when every push would fail in the same way.
    """

    def __init__(self, message: str, *, retry: bool = False, wait_s: float = 0, scope: str = "repo") -> None:
        super().__init__(message)
        self.message, self.retry, self.wait_s, self.scope = message, retry, wait_s, scope


# what went wrong, in one sentence


def explain(error: BaseException, what: str) -> JobError:
    """The failure of doing `what` (such as "making the repo ada/plays") in the words of a user."""
    for cause in _causes(error):
        if isinstance(cause, JobError):
            return cause
        if isinstance(cause, HfHubHTTPError):
            return _explain_status(cause, what)
        if found := _explain_other(cause, what):
            return found
    text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return JobError(f"{what} failed: {text}", retry=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from; the client wraps a failed PUT in a RuntimeError."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _explain_status(error: HfHubHTTPError, what: str) -> JobError:
    status = error.response.status_code
    words = " ".join((error.server_message or "").split())[:200]
    said = f' (the Hub said: "{words}")' if words else ""
    if status == 401 and not isinstance(error, RepositoryNotFoundError):
        return JobError(f"{what} failed: the Hub does not accept the token (401); {LOGIN}")
    if status == 402:
        return JobError(f"{what} failed: the Hub asks for a paid plan or more storage (402){said}; name another repo")
    if status == 403:
        return JobError(f"{what} failed: the token has no right to do that (403){said}; {LOGIN}, or name your own repo")
    if status in (401, 404):
        return JobError(f"{what} failed: there is no such repo, or the token may not see it ({status}); {LOGIN}")
    if status in (409, 412):
        text = f"{what} failed: someone else changed the repo at the same moment ({status}); it is tried again"
        return JobError(text, retry=True)
    if status == 429:
        text = f"{what} failed: the Hub asks for a pause, too many requests (429); wait a few minutes, then go on"
        return JobError(text, retry=True, wait_s=_pause_of(error))
    if status == 408 or status >= 500:
        text = f"{what} failed: the Hub has trouble of its own ({status}); see https://status.huggingface.co"
        return JobError(text, retry=True, wait_s=_pause_of(error))
    return JobError(f"{what} failed: the Hub refused it ({status}){said}", scope="entry")


def _pause_of(error: HfHubHTTPError) -> float:
    """Seconds for which the Hub wants to be left alone; 0 when it does not say."""
    headers = error.response.headers
    limited = re.search(r"\br=0\s*;\s*t=(\d+)", headers.get("ratelimit", ""))
    asked = limited[1] if limited else headers.get("retry-after", "").strip()
    return float(asked) if asked.isdigit() else 0.0


def _explain_other(error: BaseException, what: str) -> JobError | None:
    """Failures without a status: the network, a captive portal, a broken card, a file that is gone."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    where = constants.ENDPOINT
    if isinstance(error, OfflineModeIsEnabled):
        return JobError(f"{what} failed: HF_HUB_OFFLINE is set; unset it", retry=False)
    if "TimeoutException" in kinds:
        return JobError(f"{what} failed: {where} did not answer in time; is the network slow or down?", retry=True)
    if "TransportError" in kinds:
        return JobError(f"{what} failed: {where} cannot be reached; is the network down?", retry=True)
    if isinstance(error, json.JSONDecodeError):
        text = f"{what} failed: {where} answered with something that is not the Hub's"
        return JobError(f"{text}; does this network ask you to sign in on a web page first?", retry=True)
    if isinstance(error, OSError) and error.errno:
        return JobError(f"{what} failed: {error.strerror}: {Path(str(error.filename)).name}", scope="entry")
    if isinstance(error, ValueError) and "metadata" in str(error):  # the client's word for a card's front matter
        return JobError(f"{what} failed: {' '.join(str(error).split())[:300]}", scope="entry")
    return None


def step(what: str, call: Callable[[], Any]) -> Any:
    """Calls, and turns every failure into a `JobError` that says what was being done."""
    try:
        return call()
    except Exception as error:
        raise explain(error, what) from error


def writer(api: HfApi, wanted: str) -> str:
    """The user whose token this is, and may write; `wanted` is what it is needed for."""
    if not get_token():
        raise JobError(f"pushing to {wanted!r} needs a token of the Hub and there is none; {LOGIN}")
    who = step("asking the Hub whose token this is", api.whoami)
    if not isinstance(who.get("name"), str):
        raise JobError("asking the Hub whose token this is failed: the answer names nobody", retry=True)
    role = ((who.get("auth") or {}).get("accessToken") or {}).get("role")
    if role == "read":
        raise JobError(f"the token of {who['name']} may only read, so nothing can be pushed to {wanted!r}; {LOGIN}")
    return str(who["name"])
