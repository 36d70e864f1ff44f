"""Errors of the client become one clause for the user; most of those with a status are in the integration tests."""

import errno
import json

import httpx2
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, RevisionResolutionError

from model.hub.errors import explain
from model.hub.limits import asked_wait_s


@pytest.mark.parametrize(
    ("error", "reason", "retry"),
    [
        (httpx2.ReadError("reset"), "the connection to the Hub broke off: try again", True),
        (httpx2.ReadTimeout("slow"), "the Hub did not answer in time", True),
        (OSError("Consistency check failed: file should be of size 3 but has size 2 (a)"), "cut short", True),
        (json.JSONDecodeError("no", "<html>", 0), "the answer is not from the Hub", True),
        (OSError(errno.ENOSPC, "No space left on device", "/home/ada/x"), "the disk is full: free some space", True),
        (PermissionError(errno.EACCES, "Permission denied", "/srv/hub"), "Permission denied: hub: set HF_HOME", False),
        (OfflineModeIsEnabled("offline"), "HF_HUB_OFFLINE is set", False),
        (HFValidationError("a b"), "this is not the name of a repo", False),
        (RevisionResolutionError("main"), "it is not in the cache", True),
        (ValueError("Invalid metadata in README.md.\n- no"), "Invalid metadata in README.md. - no", False),
        (RuntimeError("odd: https://host/path?token=1 in /home/ada"), "RuntimeError: odd: in", True),
    ],
)
def test_an_error_without_a_status(error: Exception, reason: str, retry: bool):
    outer = RuntimeError("upload")
    outer.__cause__ = error  # the cause is named, of an error of the client that has one
    assert reason in explain(outer).reason or not isinstance(error, httpx2.TransportError)
    found = explain(error)
    assert reason in found.reason
    assert found.retry is retry
    for secret in ("http", "/home", "/root", "\n"):
        assert secret not in found.reason


@pytest.mark.parametrize(
    ("method", "url", "status", "is_storage"),
    [
        ("PUT", "https://storage.example/bucket?signature=1", 403, True),
        ("PUT", "{hub}/lfs/0123", 403, True),
        ("POST", "{hub}/ada/plays.git/info/lfs/verify", 404, True),
        ("POST", "{hub}/api/models/ada/plays/commit/main", 403, False),
        ("GET", "{hub}/api/models/ada/plays", 404, False),
    ],
)
def test_a_refusal_of_the_storage_does_not_blame_the_token(method: str, url: str, status: int, is_storage: bool):
    request = httpx2.Request(method, url.format(hub=constants.ENDPOINT))
    found = explain(HfHubHTTPError("refused", response=httpx2.Response(status, request=request)), write=True)
    assert found.reason.startswith(f"the Hub's storage refused a file ({status})") is is_storage
    assert found.retry is is_storage


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30),
        ({"ratelimit": '"api";r=0;t=55'}, 55),
        ({"ratelimit": '"api";r=7;t=55', "retry-after": " 2 "}, 2),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0),
        ({"retry-after": "9" * 400}, 0),  # infinite as a float
        ({}, 0),
    ],
)
def test_the_pause_that_headers_ask_for_is_a_number_of_seconds(headers: dict[str, str], seconds: float):
    assert asked_wait_s(headers) == seconds
