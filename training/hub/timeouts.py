"""The time limits of requests to the Hub, and the waits before retries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class HubTimeouts:
    """Time limits of requests to the Hub, in seconds.

    Attributes:
        connect_s: for a connection.
        read_s: between two pieces of an answer.
        check_s: for a check before a run, with all retries.
        attempt_s: for one push or download.
        first_retry_s, longest_retry_s: the wait before a retry doubles from the first to the longest, with jitter.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    check_s: float = 90.0
    attempt_s: float = 900.0
    first_retry_s: float = 2.0
    longest_retry_s: float = 120.0
