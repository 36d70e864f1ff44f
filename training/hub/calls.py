"""Work on the Hub: a clear error when a request fails, retries, time limits, commits.

The functions of this package raise the errors of the client as they are, and `HubError` for what they find themselves.
`retried` and `pusher`, through which the rest of the project calls them, explain the errors of the client.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    ModelInfo,
    SpaceInfo,
    constants,
    get_token,
    hf_hub_download,
)
from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

from model.hub.errors import WRITE_LOGIN, explain
from model.hub.limits import time_limits
from model.terminal import duration_text

from ..card.public_text import redact
from ..errors import HubError

T = TypeVar("T")
Report = Callable[[str], None]  # called with one line for the user
Change = CommitOperationAdd | CommitOperationDelete

RETRY_S = 90.0  # how long something that failed is tried again
TRY_S = 900.0  # the limit of one try, with all its files
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 120.0  # before the next try; doubled each time
LONGEST_PAUSE_S = 300.0  # however long the Hub asks to wait: it may be well before


def hub_client() -> HfApi:
    """Returns the Hub's client, which uploads without Xet: that has no time limits, and handles Ctrl-C itself."""
    constants.HF_HUB_DISABLE_XET = True
    disable_progress_bars()
    return HfApi()


def hub_error(error: BaseException, what: str) -> HubError:
    """Returns the error to raise when `what`, such as "creating the repo ada/plays", failed with `error`."""
    if isinstance(error, HubError):
        return error
    found = explain(error, write=True)
    return HubError(redact(f"{what} failed: {found.reason}"), retry=found.retry, wait_s=found.wait_s)


def retried(what: str, work: Callable[[], T], report: Report) -> T:
    """Returns `work()`, which is repeated for `RETRY_S` seconds while its errors are such that this may help.

    `report` is called before a retry, once for each reason. Raises the last error as a HubError that names `what`, such
    as "creating the repo ada/plays".
    """
    end, reported, failures = time.monotonic() + RETRY_S, "", 0
    while True:
        try:
            with time_limits(TRY_S):
                return work()
        except Exception as error:
            failures += 1
            failure = hub_error(error, what)
            pause_s, left_s = wait_s(failures, failure.wait_s), end - time.monotonic()
            if not failure.retry or pause_s >= left_s:
                raise failure from error
            if str(failure) != reported:
                reported = str(failure)
                report(f"{reported}; trying again for up to {duration_text(left_s)} …")
        time.sleep(pause_s)


def wait_s(failures: int, asked_s: float) -> float:
    """Returns the seconds to wait after some failures in a row; `asked_s`: the pause that the Hub asked for."""
    doubled = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(failures - 1, 20))
    return max(doubled * random.uniform(0.5, 1.0), min(asked_s, LONGEST_PAUSE_S))


def full_repo_name(api: HfApi, name: str) -> str:
    """Returns USER/NAME for NAME or USER/NAME; HubError if the token cannot write."""
    if not get_token():
        raise HubError(f"pushing to {name!r} needs a token of the Hub and there is none: {WRITE_LOGIN}")
    account: dict[str, Any] = api.whoami()
    user = str(account["name"])
    if ((account.get("auth") or {}).get("accessToken") or {}).get("role") == "read":
        raise HubError(f"the token of {user} may only read: to push to {name!r}, {WRITE_LOGIN}")
    return name if "/" in name else f"{user}/{name}"


def file_names(info: ModelInfo | SpaceInfo) -> set[str]:
    """Returns the names of all files of a commit."""
    return {sibling.rfilename for sibling in info.siblings or []}


def read_file(repo: str, name: str, commit: str | None) -> str:
    """Returns the text of a file at a commit of a model; bytes that are not UTF-8 are replaced."""
    with tempfile.TemporaryDirectory() as folder:
        path = hf_hub_download(repo, name, revision=commit, local_dir=folder)
        return Path(path).read_text(encoding="utf-8", errors="replace")


def commit(repo: str, changes: Sequence[Change], *, title: str, parent: str | None, **where: Any) -> str:
    """Commits changes if the branch is still at `parent`; returns the commit, which is `parent` if nothing has changed.

    The client uploads binary files in threads, of which no time limit is known and for which Python waits at its exit;
    one file alone is uploaded in this thread. `where` is `revision` or `repo_type`, as in huggingface_hub.
    """
    api = hub_client()
    for change in changes:
        if isinstance(change, CommitOperationAdd):
            with change.as_file() as file:
                is_binary = b"\0" in file.read(512)
            if is_binary:
                api.preupload_lfs_files(repo, [change], **where)
    return api.create_commit(repo, changes, commit_message=title, parent_commit=parent, **where).oid
