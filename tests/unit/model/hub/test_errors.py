"""Errors of the Hub's client become one clause for the user; those with a status are tested against the local Hub."""

from __future__ import annotations

import errno
import json

import httpx2
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RevisionResolutionError,
)

from model.hub.errors import explain
from model.hub.limits import asked_wait_s


def caused(outer: Exception, cause: Exception) -> Exception:
    outer.__cause__ = cause
    return outer


@pytest.mark.parametrize(
    ("error", "reason", "retry"),
    [
        (httpx2.ReadError("reset"), "the connection to the Hub broke off: try again", True),
        (httpx2.RemoteProtocolError("closed"), "the connection to the Hub broke off: try again", True),
        (httpx2.ReadTimeout("slow"), "the Hub did not answer in time", True),
        (OSError("Consistency check failed: file should be of size 3 but has size 2 (a)"), "cut short", True),
        (json.JSONDecodeError("no", "<html>", 0), "the answer is not from the Hub", True),
        (
            OSError(errno.ENOSPC, "No space left on device", "/home/ada/x"),
            "the disk is full: free some space",
            True,
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/root/hub"), "Permission denied: hub", False),
        (OfflineModeIsEnabled("offline"), "HF_HUB_OFFLINE is set", False),
        (HFValidationError("a b"), "this is not the name of a repo", False),
        (LocalTokenNotFoundError("token"), "there is no token", False),
        (RevisionResolutionError("main"), "it is not in the cache", True),
        (LocalEntryNotFoundError("x"), "it is not in the cache", True),
        (caused(LocalEntryNotFoundError("x"), httpx2.ConnectTimeout("slow")), "the Hub did not answer in time", True),
        (caused(RuntimeError("upload"), httpx2.ConnectError("refused")), "the Hub cannot be reached", True),
        (RuntimeError("odd: https://host/path?token=1 in /home/ada"), "RuntimeError: odd: in", True),
    ],
)
def test_an_error_without_a_status(error, reason, retry):
    found = explain(error)
    assert reason in found.reason
    assert found.retry is retry
    for secret in ("http", "/home", "/root", "\n"):
        assert secret not in found.reason


@pytest.mark.parametrize(
    ("method", "url", "status", "reason"),
    [
        ("PUT", "https://storage.example/bucket?signature=1", 403, "the Hub's storage did not take a file (403)"),
        ("PUT", "{hub}/lfs/0123", 403, "the Hub's storage did not take a file (403)"),
        ("POST", "{hub}/ada/plays.git/info/lfs/verify", 404, "the Hub's storage did not take a file (404)"),
        ("GET", "https://cdn.example/file", 403, "the Hub's storage did not send a file (403)"),
        ("POST", "{hub}/api/models/ada/plays/commit/main", 403, "the token has no right to do that (403)"),
        ("POST", "{hub}/ada/plays.git/info/lfs/objects/batch", 403, "the token has no right to do that (403)"),
        ("GET", "{hub}/api/models/ada/plays", 404, "there is no such repo"),
    ],
)
def test_a_refusal_of_the_storage_does_not_blame_the_token(method: str, url: str, status: int, reason: str) -> None:
    request = httpx2.Request(method, url.format(hub=constants.ENDPOINT))
    found = explain(HfHubHTTPError("refused", response=httpx2.Response(status, request=request)), write=True)
    assert found.reason.startswith(reason)
    assert found.retry is ("storage" in reason)
    assert found.needs_user is ("storage" not in reason)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30),
        ({"ratelimit": '"api";r=0;t=55'}, 55),
        ({"ratelimit": '"api";r=7;t=55', "retry-after": " 2 "}, 2),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0),
        ({"retry-after": "\u00b2"}, 0),  # a digit to str.isdigit, and no number
        ({"retry-after": "9" * 400}, 0),  # infinite as a float
        ({"ratelimit": f"r=0;t={'9' * 400}"}, 0),
        ({}, 0),
    ],
)
def test_the_pause_that_headers_ask_for_is_a_number_of_seconds(headers: dict[str, str], seconds: float) -> None:
    assert asked_wait_s(headers) == seconds
