"""Faults that a test can switch on: what to break, on which requests, how many times.

A fault is found by a regular expression over "METHOD /raw/path?query". Kinds:
a number     that HTTP status, with `Retry-After: retry_after`
"hang"       takes the request and never answers          "hang-body"   half the body, then silence
"cut"        drops the connection before any answer       "cut-body"    drops it in the middle of the body
"html"       a captive portal's page with status 200      "wrong"       one bit of the body is flipped; of a PUT, as it
                                                                        comes
"slow"       waits `seconds` before the answer
With `after=True` the work is done first and only the answer is lost: a commit that landed but nobody heard.
Hanging requests are let go by `Fault.lift()` and by `Faults.clear()`, so no thread outlives a test.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field

KINDS = ("hang", "hang-body", "cut", "cut-body", "html", "slow", "wrong")
PORTAL = b"<!doctype html><html><head><title>Welcome to Hotel WiFi</title></head><body>Please sign in</body></html>"


@dataclass
class Fault:
    """One fault; `hits` counts the requests it broke, `times` bounds them (None: until lifted)."""

    pattern: re.Pattern[str]
    kind: int | str
    times: int | None = 1
    skip: int = 0
    after: bool = False
    retry_after: int = 0
    seconds: float = 0.3
    hits: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def lift(self) -> None:
        """Ends the fault and lets go of what hangs in it."""
        self.times = self.hits
        self.released.set()


class Faults:
    """The faults in force, in the order they were switched on; the first that fits breaks a request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        if not isinstance(fault.kind, int) and fault.kind not in KINDS:
            raise ValueError(f"fault {fault.kind!r} is not an HTTP status and not one of {', '.join(KINDS)}")
        with self._lock:
            self._faults.append(fault)
        return fault

    def take(self, line: str) -> Fault | None:
        """The fault for this request line, counted as used."""
        with self._lock:
            for fault in self._faults:
                if not fault.pattern.search(line) or (fault.times is not None and fault.hits >= fault.times):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                return fault
        return None

    def clear(self) -> None:
        with self._lock:
            faults, self._faults = self._faults, []
        for fault in faults:
            fault.lift()
