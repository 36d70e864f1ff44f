"""Explains every error of the Hub's client in one line for the user: what is wrong, and what to do.

huggingface_hub is imported inside the functions: the package works without it for models on this disk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..files import FULL_DISK
from ..terminal import duration_text
from .limits import STALL_S, GivenUpError, asked_wait_s

LOGIN = "log in (`hf auth login`)"
_BROKEN_OFF = {"ReadError", "WriteError", "RemoteProtocolError"}  # httpx's errors of a connection
_PORTS = {"http": 80, "https": 443}
WRITE_LOGIN = "log in with a token that may write (`hf auth login`, https://huggingface.co/settings/tokens)"


class ModelUnavailableError(OSError):
    """A model cannot be loaded from the Hub. The message names the model, the reason and what to do.

    Attributes:
        retry: whether the same request may succeed later.
        wait_s: seconds that the Hub asked to wait before the next request; 0 if it did not ask.
    """

    retry: bool = False
    wait_s: float = 0.0


class MissingFileError(ModelUnavailableError):
    """A commit lacks a file that every model has, so it will never be a model.

    Attributes:
        file: the file's name.
    """

    def __init__(self, message: str, file: str) -> None:
        super().__init__(message)
        self.file = file


class MissingRevisionError(ModelUnavailableError):
    """The repo exists, but has no such branch, tag or commit."""


@dataclass(frozen=True)
class HubProblem:
    """The reason for which a request to the Hub failed.

    Attributes:
        reason: one clause that follows "… failed: "; it has no URL of the request and no path of this machine.
        retry: whether the same request may succeed later.
        wait_s: seconds that the Hub asked to wait before the next request; 0 if it did not ask.
        needs_user: whether every request to this repo fails until the user does something, such as logging in.
    """

    reason: str
    retry: bool = False
    wait_s: float = 0.0
    needs_user: bool = False


def explain(error: BaseException, *, write: bool = False) -> HubProblem:
    """Returns why a call of huggingface_hub raised `error`.

    Args:
        error: any exception. Its causes are examined, too: the client wraps a failed upload in a RuntimeError.
        write: whether the call needs a token that may write.
    """
    for cause in _causes(error):
        if found := _explain_response(cause, write) or _explain_network(cause) or _explain_local(cause):
            return found
    words = [word for word in f"{type(error).__name__}: {error}".split() if "/" not in word and "\\" not in word]
    return HubProblem(" ".join(words).rstrip(":")[:300], retry=True)


def is_brief(error: BaseException) -> bool:
    """Returns whether a retry after a second may succeed: the connection broke off, or the Hub had a server error."""
    from huggingface_hub import errors

    kinds = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, errors.HfHubHTTPError):
        return error.response.status_code >= 500
    return bool(kinds & _BROKEN_OFF)


def check_client(what: str) -> None:
    """Raises ModelUnavailableError, which begins with `what`, if huggingface_hub is not installed."""
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        raise ModelUnavailableError(f"{what}: the Hub's client is missing (pip install huggingface_hub)") from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _explain_response(error: BaseException, write: bool) -> HubProblem | None:
    """Explains a response of the Hub with an error status."""
    from huggingface_hub import errors

    if not isinstance(error, errors.HfHubHTTPError):
        return None
    status = error.response.status_code
    if status in (401, 403, 404) and (moved := _storage_verb(error.response)):
        reason = f"the Hub's storage did not {moved} a file ({status}): try again, and check this machine's clock"
        return HubProblem(reason, retry=True)
    login = WRITE_LOGIN if write else LOGIN
    if isinstance(error, errors.GatedRepoError):
        return HubProblem(f"it is gated: accept its terms on its page on the Hub, then {LOGIN}", needs_user=True)
    if isinstance(error, errors.DisabledRepoError):
        return HubProblem("the Hub has disabled it", needs_user=True)
    if isinstance(error, errors.RevisionNotFoundError):
        return HubProblem("there is no such revision: check the branch, tag or commit", needs_user=True)
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return HubProblem("there is no such file in it", needs_user=True)
    if isinstance(error, errors.RepositoryNotFoundError) or status == 404:
        reason = f"there is no such repo, or the token may not read it ({status}): check the name, or {login}"
        return HubProblem(reason, needs_user=True)
    if status == 401:
        return HubProblem(f"the Hub does not accept the token (401): {login}", needs_user=True)
    message = " ".join("".join(c if c.isprintable() else " " for c in error.server_message or "").split())[:200]
    quoted = f' (the Hub\'s message: "{message}")' if message else ""
    if status == 402:
        reason = f"the Hub asks for a paid plan or more storage (402){quoted}: name another repo"
        return HubProblem(reason, needs_user=True)
    if status == 403:
        own = ", or name a repo of your own" if write else ""
        return HubProblem(f"the token has no right to do that (403){quoted}: {login}{own}", needs_user=True)
    if status in (409, 412):
        return HubProblem(f"another commit changed the repo at the same time ({status})", retry=True)
    if status == 429:
        wait_s = asked_wait_s(error.response.headers)
        pause = f"wait {duration_text(wait_s)}" if wait_s > 60 else "wait a few minutes"
        reason = f"the Hub asks for a pause after too many requests (429): {pause}"
        return HubProblem(reason, retry=True, wait_s=wait_s)
    if status == 408 or status >= 500:
        reason = f"the Hub has a server error ({status}): see status.huggingface.co"
        return HubProblem(reason, retry=True, wait_s=asked_wait_s(error.response.headers))
    return HubProblem(f"the Hub refused the request ({status}){quoted}")


def _storage_verb(response: Any) -> str:
    """Returns "take" or "send" if a response is from the storage behind the Hub; "" if it is from the Hub itself.

    The addresses of the storage are signed and valid for some minutes, so its errors do not concern repo and token.
    """
    from huggingface_hub import constants

    try:
        request = response.request
    except RuntimeError:  # a response that was made without one
        return ""
    if "x-error-code" in response.headers:  # the Hub's own, perhaps behind a mirror
        return ""
    url = urlsplit(str(request.url))
    if url.path.endswith(("/info/lfs/verify", "/info/lfs/objects/verify")):
        return "take"
    outside = not same_origin(str(request.url), constants.ENDPOINT)
    if request.method in ("PUT", "POST"):
        return "take" if outside or (request.method == "PUT" and not url.path.startswith("/api/")) else ""
    return "send" if outside else ""


def same_origin(url: str, other: str) -> bool:
    """Returns whether two URLs have the same scheme, host and port, and the first has no user name."""
    try:
        one, two = urlsplit(url), urlsplit(other)
        ports = [each.port or _PORTS.get(each.scheme) for each in (one, two)]
    except ValueError:  # not a valid URL
        return False
    same = (one.scheme, one.hostname, ports[0]) == (two.scheme, two.hostname, ports[1])
    return same and one.username is None


def _explain_network(error: BaseException) -> HubProblem | None:
    """Explains a request without a response, or with a response that is not from the Hub."""
    from huggingface_hub import errors

    kinds = {kind.__name__ for kind in type(error).__mro__}  # httpx's classes, under whichever name it is installed
    if isinstance(error, GivenUpError) and error.__cause__ is None:
        reason = f"the Hub sent too little for {STALL_S:.0f} s: is the network slow or down?"
        return HubProblem(reason, retry=True)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubProblem("HF_HUB_OFFLINE is set: unset it", needs_user=True)
    if "TimeoutException" in kinds:
        return HubProblem("the Hub did not answer in time: is the network slow or down?", retry=True)
    if kinds & _BROKEN_OFF:
        return HubProblem("the connection to the Hub broke off: try again", retry=True)
    if "TransportError" in kinds:
        return HubProblem("the Hub cannot be reached: is the network down, or HF_ENDPOINT wrong?", retry=True)
    if isinstance(error, json.JSONDecodeError | errors.FileMetadataError):
        reason = "the answer is not from the Hub: does this network ask you to sign in on a web page first?"
        return HubProblem(reason, retry=True)
    if isinstance(error, OSError) and str(error).startswith("Consistency check failed"):
        return HubProblem("the download was cut short: try again", retry=True)
    return None


def _explain_local(error: BaseException) -> HubProblem | None:
    """Explains an error of this machine: the disk, the cache, the token, an invalid name or model card."""
    from huggingface_hub import errors

    if isinstance(error, errors.HFValidationError):
        return HubProblem("this is not the name of a repo: write user/name", needs_user=True)
    if isinstance(error, errors.LocalTokenNotFoundError):
        return HubProblem(f"there is no token: {LOGIN}, or set HF_TOKEN", needs_user=True)
    is_lookup = isinstance(error, errors.RevisionResolutionError | errors.LocalEntryNotFoundError)
    if is_lookup and error.__cause__ is None:
        return HubProblem("it is not in the cache, and the Hub cannot be reached: try again with a network", retry=True)
    if isinstance(error, OSError) and error.errno in FULL_DISK:
        return HubProblem("the disk is full: free some space", retry=True)
    if isinstance(error, OSError) and error.errno:
        name = Path(str(error.filename)).name if error.filename else ""
        return HubProblem(f"{error.strerror}: {name}" if name else str(error.strerror))
    if isinstance(error, ValueError) and "metadata" in str(error):  # a card's front matter that the Hub refuses
        return HubProblem(" ".join(str(error).split())[:300])
    return None
