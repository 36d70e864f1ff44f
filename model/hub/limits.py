"""Time limits of all requests that huggingface_hub makes for this package.

The Hub's client waits as long as a response with the status 429 asks, repeats requests for minutes, and accepts one
byte a second. Inside `time_limits`, a request fails after `STALL_S` seconds without progress. Progress is the first
response to a request that is not an error, and then every `PROGRESS_BYTES` of its content. Content that is received
again, because the request was repeated, is not progress. Requests of other threads, and outside the block, do not
change.
"""

from __future__ import annotations

import math
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

STALL_S = 15.0  # without progress
PROGRESS_BYTES = 16_384
_RETRIED = (408, 429, 500, 502, 503, 504)  # the client repeats a request after these
_XET_HASH = "x-xet-hash"


class GivenUpError(Exception):
    """A request took too long. `__cause__` is the Hub's last error response, if there was one.

    Attributes:
        wait_s: the seconds that the Hub asked to wait; 0 if it did not ask.
    """

    def __init__(self, wait_s: float = 0.0) -> None:
        super().__init__("the Hub made no progress")
        self.wait_s = wait_s


class _Limits:
    """The time limits of one block of `time_limits`, and the progress in it."""

    def __init__(self, total_s: float) -> None:
        self._end = time.monotonic() + total_s
        self._last_progress = time.monotonic()
        self._bytes = 0
        self._positions: dict[str, int] = {}  # by request: the bytes of its content that were received
        self._failure: Exception | None = None  # the Hub's last error response

    @property
    def left_s(self) -> float:
        """Seconds in which the next progress must be made."""
        return min(self._last_progress + STALL_S, self._end) - time.monotonic()

    def check(self, wait_s: float = 0.0) -> None:
        """Raises GivenUpError if no time is left after waiting for `wait_s` seconds."""
        if self.left_s <= wait_s:
            raise GivenUpError(wait_s) from self._failure

    def note_progress(self) -> None:
        self._last_progress, self._bytes, self._failure = time.monotonic(), 0, None

    def note_answer(self, request: str) -> None:
        """Counts a response without an error as progress, unless the same request had one before."""
        if request not in self._positions:
            self._positions[request] = 0
            self.note_progress()

    def note_failure(self, failure: Exception) -> None:
        self._failure = failure

    def note_bytes(self, request: str, position: int) -> None:
        """Counts the bytes of a content up to `position`; raises GivenUpError if they are received too slowly."""
        new = position - self._positions.get(request, 0)
        if new > 0:
            self._positions[request] = position
            self._bytes += new
            if self._bytes >= PROGRESS_BYTES:
                self.note_progress()
        self.check()


_ACTIVE: ContextVar[_Limits | None] = ContextVar("time_limits", default=None)
_INSTALLING = threading.Lock()


@contextmanager
def time_limits(total_s: float = math.inf) -> Iterator[None]:
    """Limits all requests of huggingface_hub that this thread makes in the block.

    A block inside another one has the limits of the outer one.

    Args:
        total_s: the limit of the whole block, even with progress.

    Raises:
        GivenUpError: from the client's function, when a limit is exceeded.
    """
    if _ACTIVE.get() is not None:
        yield
        return
    _install()
    token = _ACTIVE.set(_Limits(total_s))
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def _install() -> None:
    """Adds two hooks to the HTTP client that huggingface_hub creates; outside a block they do nothing."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http

    with _INSTALLING:
        plain = _http._GLOBAL_CLIENT_FACTORY  # there is no public function that returns it
        if getattr(plain, "has_time_limits", False):
            return

        def with_hooks() -> Any:
            client = plain()
            hooks = client.event_hooks
            client.event_hooks = {
                "request": [*hooks["request"], _before_request],
                "response": [*hooks["response"], _after_response],
            }
            return client

        with_hooks.has_time_limits = True  # type: ignore[attr-defined]
        set_client_factory(with_hooks)


def _before_request(request: Any) -> None:
    limits = _ACTIVE.get()
    if limits is None:
        return
    limits.check()
    left_s, given = limits.left_s, request.extensions.get("timeout") or {}
    names = ("connect", "read", "write", "pool")
    request.extensions["timeout"] = {name: min(given.get(name) or left_s, left_s) for name in names}


def _after_response(response: Any) -> None:
    """Raises GivenUpError if the Hub asks for a longer pause than is left; otherwise counts the response's content."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

    limits = _ACTIVE.get()
    if limits is None:
        return
    # Xet does not use this HTTP client, so nothing limits it. Without this header the file is sent by HTTP.
    response.headers.pop(_XET_HASH, None)
    response.stream = _watched(response, limits)
    if response.status_code not in _RETRIED:
        limits.note_answer(_name(response))
        return
    try:
        hf_raise_for_status(response)
    except HfHubHTTPError as error:
        limits.note_failure(error)
    limits.check(asked_wait_s(response.headers))


def asked_wait_s(headers: Mapping[str, str]) -> float:
    """Returns the seconds in a response's RateLimit or Retry-After header; 0 without one of up to nine digits."""
    limited = re.search(r"\br=0\s*;\s*t=(\d+)", headers.get("ratelimit", ""))
    value = limited[1] if limited else headers.get("retry-after", "").strip()
    return float(value) if re.fullmatch("[0-9]{1,9}", value) else 0.0


def _name(response: Any) -> str:
    return f"{response.request.method} {response.request.url}"


def _watched(response: Any, limits: _Limits) -> Any:
    """Returns the stream of a response's content, which counts its bytes."""
    httpx = sys.modules[type(response).__module__.partition(".")[0]]  # the Hub's client may have its own copy of httpx

    found = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
    name, start = _name(response), int(found[1]) if found else 0

    class Watched(httpx.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def __iter__(self) -> Iterator[bytes]:
            position = start
            for chunk in self._stream:
                position += len(chunk)
                limits.note_bytes(name, position)
                yield chunk
            limits.note_progress()

        def close(self) -> None:
            self._stream.close()

    return Watched(response.stream)
