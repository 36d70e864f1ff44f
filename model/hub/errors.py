"""Explains every error of the Hub's client in one line for the user: what is wrong, and what to do.

Classes are named by strings, because importing huggingface_hub takes time that models on this disk do not need.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..files import FULL_DISK
from ..terminal import duration_text, one_line
from .limits import GivenUpError, asked_wait_s

LOGIN = "log in (`hf auth login`)"
WRITE_LOGIN = "log in with a token that may write (`hf auth login`, https://huggingface.co/settings/tokens)"

# What is wrong, what to do, and whether to retry: by the class of an error, the status of its response, or a word of
# `_keys`.
_PROBLEMS: dict[str, tuple[str, str, bool]] = {
    "storage": ("the Hub's storage refused a file ({status})", "try again, and check this machine's clock", True),
    "GatedRepoError": ("it is gated", "accept its terms on its page on the Hub, then {login}", False),
    "DisabledRepoError": ("the Hub has disabled it", "name another repo", False),
    "RevisionNotFoundError": ("there is no such revision", "check the branch, tag or commit", False),
    "RemoteEntryNotFoundError": ("there is no such file in it", "check the name", False),
    "401": ("the Hub does not accept the token ({status})", "{login}", False),
    "402": ("the Hub asks for a paid plan or more storage ({status})", "name another repo", False),
    "403": ("the token has no right to do that ({status})", "{login}{own}", False),
    **dict.fromkeys(
        ("404", "RepositoryNotFoundError"),
        ("there is no such repo, or the token may not read it ({status})", "check the name, or {login}", False),
    ),
    **dict.fromkeys(("409", "412"), ("another commit changed the repo at the same time ({status})", "try again", True)),
    "429": ("the Hub asks for a pause after too many requests ({status})", "wait {pause}", True),
    "4xx": ("the Hub refused the request ({status})", "update huggingface_hub, or name another repo", False),
    **dict.fromkeys(("408", "5xx"), ("the Hub has a server error ({status})", "see status.huggingface.co", True)),
    "OfflineModeIsEnabled": ("HF_HUB_OFFLINE is set", "unset it", False),
    "HFValidationError": ("this is not the name of a repo", "write user/name", False),
    **dict.fromkeys(
        # KeyError: JSON of another server
        ("FileMetadataError", "JSONDecodeError", "KeyError", "UnicodeDecodeError", "DecodingError", "TooManyRedirects"),
        ("the answer is not from the Hub", "does this network ask you to sign in on a web page first?", True),
    ),
    **dict.fromkeys(
        ("TimeoutException", "given up"), ("the Hub did not answer in time", "is the network slow or down?", True)
    ),
    **dict.fromkeys(
        ("ReadError", "WriteError", "RemoteProtocolError"), ("the connection to the Hub broke off", "try again", True)
    ),
    "TransportError": ("the Hub cannot be reached", "is the network down, or HF_ENDPOINT wrong?", True),
    "not cached": ("it is not in the cache", "load it once with a network", True),
    "cut short": ("the download was cut short", "try again", True),
    "full disk": ("the disk is full", "free some space, or set HF_HOME to a folder on another disk", True),
}


class ModelUnavailableError(OSError):
    """A model cannot be loaded from the Hub. The message names the model, the reason and what to do.

    Attributes:
        retry: whether the same request may succeed later.
    """

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.retry = retry


class HubProblem(NamedTuple):
    """The reason for which a request to the Hub failed."""

    reason: str  # one clause that follows "… failed: "; without the URL of the request and paths of this machine
    retry: bool = False  # whether the same request may succeed later
    wait_s: float = 0.0  # seconds that the Hub asked to wait before the next request; 0 if it did not ask


def explain(error: BaseException, *, write: bool = False) -> HubProblem:
    """Returns why a call of huggingface_hub raised `error`; `write`: whether the call needs a token that may write.

    Causes of the error are examined, too: the client wraps a failed upload in a RuntimeError.
    """
    for cause in _causes(error):
        if type(cause) is ValueError:  # such as a model card that the Hub refuses: its words say more than its cause
            return HubProblem(" ".join(str(cause).split())[:300])
        response = getattr(cause, "response", None)
        key = next((key for key in _keys(cause, response) if key in _PROBLEMS), None)
        if key is None:
            continue
        reason, advice, retry = _PROBLEMS[key]
        wait_s = asked_wait_s(response.headers) if response is not None and retry else 0.0
        if response is not None:
            reason = reason.format(status=response.status_code)
        if key in ("402", "403", "4xx") and (message := getattr(cause, "server_message", None)):
            reason += f' (the Hub\'s message: "{one_line(" ".join(message.split()))}")'
        words = {"login": WRITE_LOGIN, "own": ", or name a repo of your own"} if write else {"login": LOGIN, "own": ""}
        pause = duration_text(wait_s) if wait_s > 60 else "a few minutes"
        return HubProblem(f"{reason}: {advice.format(pause=pause, **words)}", retry, wait_s)
    if isinstance(error, OSError) and error.errno:
        name = f": {Path(str(error.filename)).name}" if error.filename else ""
        remedy = "" if write else ": set HF_HOME to a folder that can be written"
        return HubProblem(f"{error.strerror}{name}{remedy}")
    parts = [word for word in f"{type(error).__name__}: {error}".split() if "/" not in word and "\\" not in word]
    return HubProblem(" ".join(parts).rstrip(":")[:300], retry=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _keys(error: BaseException, response: Any) -> list[str]:
    """Returns the keys of `_PROBLEMS` that fit an error, the best first."""
    classes = [each.__name__ for each in type(error).__mro__]
    if response is not None:
        from huggingface_hub import constants

        status, method, url = response.status_code, response.request.method, str(response.request.url)
        # The addresses of the storage behind the Hub are signed, and valid for some minutes: repo and token are right.
        is_storage = (method == "PUT" and "/api/" not in url) or url.endswith("/verify")
        is_storage |= not url.startswith(f"{constants.ENDPOINT}/")
        is_storage &= status in (401, 403, 404) and "x-error-code" not in response.headers
        return ["storage"] * is_storage + [*classes, str(status), f"{status // 100}xx"]
    if {"RevisionResolutionError", "LocalEntryNotFoundError"} & {*classes}:
        return [] if error.__cause__ else ["not cached"]
    if isinstance(error, GivenUpError):
        return [] if error.__context__ else ["given up"]
    if isinstance(error, OSError) and error.errno in FULL_DISK:
        return ["full disk"]
    return ["cut short"] if str(error).startswith("Consistency check failed") else classes
