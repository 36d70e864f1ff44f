"""Faults of the local Hub: which requests fail, in which way, how many times. See `LocalHub.fail`.

A fault names its requests by a regular expression over "METHOD /raw/path?query". Its kinds:

a number     the response has this HTTP status, with `Retry-After: retry_after`
"hang"       the request is read and never answered
"hang-body"  half of the response's body is sent, then nothing
"cut"        the connection is dropped before any response
"cut-body"   the connection is closed in the middle of the response's body
"short"      the last byte of the response's body is missing, and its Content-Length says so
"redirect"   the response is a redirect to `location`
"html"       the response is a captive portal's page, with status 200
"wrong"      one bit of the response's body is flipped; of a PUT's body, as it is stored
"slow"       the response comes after `seconds`

With `after=True` the request is handled first and only its response is lost, such as that to a commit.
`Fault.lift` and `Faults.clear` end requests that hang, so that no thread outlives a test.
"""

import re
import threading
from dataclasses import dataclass, field

PORTAL = b"<!doctype html><html><head><title>Welcome to Hotel WiFi</title></head><body>Please sign in</body></html>"


@dataclass
class Fault:
    """One fault: applies to `times` matching requests (None: all); `hits` counts those."""

    pattern: re.Pattern[str]
    kind: int | str
    times: int | None = 1
    after: bool = False
    retry_after: int = 0
    seconds: float = 0.3
    location: str = ""
    hits: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def lift(self) -> None:
        """Ends the fault, and requests that hang by it."""
        self.times = self.hits
        self.released.set()


class Faults(list[Fault]):
    """All active faults, oldest first; the first that matches a request applies to it."""

    def take(self, line: str) -> Fault | None:
        """Returns the fault that applies to a request, and counts it; None if none does."""
        for fault in self:
            if fault.pattern.search(line) and (fault.times is None or fault.hits < fault.times):
                fault.hits += 1
                return fault
        return None

    def clear(self) -> None:
        for fault in self:
            fault.lift()
        super().clear()
