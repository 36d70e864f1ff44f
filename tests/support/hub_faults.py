"""The faults of a Hub and of the network that tests try in each use of the Hub, and time limits that fit a test.

Whatever the Hub does: the program gives up by itself, with one line that names the fault, and once the Hub works again
the same call succeeds.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tests.local_hub import LocalHub

FAULTS: dict[str, dict[str, Any]] = {
    "429 for an hour": {"kind": 429, "retry_after": 3600},
    "503": {"kind": 503},
    "hangs before the body": {"kind": "hang"},
    "hangs in the body": {"kind": "hang-body"},
    "reset": {"kind": "cut"},
    "cut": {"kind": "cut-body"},
    "answer lost": {"kind": "cut", "after": True},
    "a byte short": {"kind": "short"},
    "slow": {"kind": "slow", "seconds": 0.05},
    "a captive portal": {"kind": "html"},
    "redirect to another server": {"kind": "redirect"},
    "wrong hash": {"kind": "wrong"},
    "401 midway": {"kind": 401},
    "404": {"kind": 404},
    "409": {"kind": 409},
    "no network": {},
}
HARMLESS = ("slow",)
# A refusal, no answer, a part of one, a wrong one: for what rests on a download that is tested with all faults.
SOME = ("404", "hangs before the body", "cut", "a captive portal", "slow", "no network")
_HASTY = {
    "training.hub.calls.RETRY_S": 0.3,
    "training.hub.calls.FIRST_WAIT_S": 0.02,
    "training.hub.calls.LONGEST_WAIT_S": 0.1,
}
# Of a Hub that does not answer; one that does may take longer on a busy machine.
_HASTY_WITH_A_SILENT_HUB = {
    "training.hub.calls.TRY_S": 0.6,
    "model.hub.limits.READ_S": 0.2,
    "model.hub.limits.WRITE_S": 0.2,
    "model.hub.snapshot.PULL_S": 0.6,
}


@contextmanager
def faulty(hub: LocalHub, fault: str, route: str) -> Iterator[None]:
    """Makes the requests that match a pattern fail (by a key of FAULTS), and all waits for them short.

    At the end everything works again. No other server may have got the token.
    """
    with pytest.MonkeyPatch.context() as patch:
        if fault not in HARMLESS:
            _be_hasty(patch, is_silent=str(FAULTS[fault].get("kind")).startswith("hang"))
        if fault == "no network":
            hub.unplug()
        else:
            other = hub.url.replace("127.0.0.1", "localhost")  # another origin for a client
            location = {"location": f"{other}/elsewhere"} if FAULTS[fault]["kind"] == "redirect" else {}
            hub.fail(route, times=None, **FAULTS[fault], **location)
        yield
        hub.plug_in()
        hub.faults.clear()
    assert {request.token for request in hub.requests("/elsewhere")} <= {None}


def _be_hasty(patch: pytest.MonkeyPatch, *, is_silent: bool) -> None:
    for name, seconds in {**_HASTY, **(_HASTY_WITH_A_SILENT_HUB if is_silent else {})}.items():
        patch.setattr(name, seconds)
    quick = SimpleNamespace(sleep=lambda seconds: time.sleep(min(seconds, 0.02)))
    for module in ("huggingface_hub.file_download", "huggingface_hub.utils._http"):
        patch.setattr(f"{module}.time", quick)


def check_line(text: str) -> None:
    """An error is one line without an address, a path or the name of a class."""
    assert text
    assert not [part for part in ("\n", "http:", "/tmp", "Traceback", "Error:") if part in text], text
