"""Time limits of the requests that huggingface_hub makes in a block of `time_limits`.

Without them its client waits for a silent server without an end, repeats a request for minutes, and sleeps for as long
as a response asks. In a block it raises instead. Requests of other threads and outside a block do not change.
"""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

READ_S, WRITE_S = 10.0, 60.0  # without a byte: of GET and HEAD, and of a request that changes something on the Hub
TRIES = 2  # of a request, until the Hub answers it
PAUSE_S = 10.0  # that the Hub may ask for
_RETRIED = (408, 429, 500, 502, 503, 504)  # the client repeats a request after these


class GivenUpError(Exception):
    """A request got no answer `TRIES` times, or would begin after the time of its block."""


@dataclass
class _Limits:
    end: float  # time.monotonic()
    tries: int = 0  # requests since the last answer that ends the client's tries


_ACTIVE: ContextVar[_Limits | None] = ContextVar("time_limits", default=None)
_INSTALLING = threading.Lock()


@contextmanager
def time_limits(total_s: float = math.inf) -> Iterator[None]:
    """Limits all requests of huggingface_hub that this thread makes in the block; none begins after `total_s`.

    A block inside another one ends with the outer one. The client's warnings about its retries are not printed: the
    error that it raises at last says the same.

    Raises:
        GivenUpError: from the client's function, when a limit is exceeded.
    """
    _install()
    end, outer = time.monotonic() + total_s, _ACTIVE.get()
    token = _ACTIVE.set(_Limits(min(end, outer.end) if outer else end))
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def asked_wait_s(headers: Mapping[str, str]) -> float:
    """Returns the seconds in a response's RateLimit or Retry-After header; 0 without one of up to nine digits."""
    limited = re.search(r"\br=0\s*;\s*t=(\d+)", headers.get("ratelimit", ""))
    value = limited[1] if limited else headers.get("retry-after", "").strip()
    return float(value) if re.fullmatch("[0-9]{1,9}", value) else 0.0


def _install() -> None:
    """Adds two hooks to the HTTP client of huggingface_hub; outside a block they do nothing."""
    from huggingface_hub import get_session, set_client_factory

    with _INSTALLING:
        client = get_session()
        hooks = {name: [*functions] for name, functions in client.event_hooks.items()}
        if _before_request in hooks["request"]:
            return
        is_default = [each.__module__.partition(".")[0] for each in hooks["request"]] == ["huggingface_hub"]
        hooks["request"].append(_before_request)
        hooks["response"].append(_after_response)
        client.event_hooks = hooks
        if is_default:  # the client is closed after a lost connection, and the next one needs the hooks, too
            kind = type(client)
            set_client_factory(lambda: kind(event_hooks=hooks, follow_redirects=True, timeout=None))
        for handler in logging.getLogger("huggingface_hub").handlers:
            handler.addFilter(_is_shown)


def _is_shown(record: logging.LogRecord) -> bool:
    return _ACTIVE.get() is None or record.levelno > logging.WARNING


def _before_request(request: Any) -> None:
    if (limits := _ACTIVE.get()) is None:
        return
    left_s = limits.end - time.monotonic()
    limits.tries += 1
    if left_s <= 0 or limits.tries > TRIES:
        raise GivenUpError
    longest_s = min(READ_S if request.method in ("GET", "HEAD") else WRITE_S, left_s)
    given = request.extensions.get("timeout") or {}
    kinds = ("connect", "read", "write", "pool")
    request.extensions["timeout"] = {kind: min(given.get(kind) or longest_s, longest_s) for kind in kinds}


def _after_response(response: Any) -> None:
    from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

    if (limits := _ACTIVE.get()) is None:
        return
    response.headers.pop("x-xet-hash", None)  # Xet has connections of its own, without these limits: HTTP instead
    if response.status_code not in _RETRIED:
        limits.tries = 0
    elif limits.tries >= TRIES or asked_wait_s(response.headers) > PAUSE_S:
        hf_raise_for_status(response)
