"""Generated requests to every route: no fault of the server, no traceback, and no closed path that is answered."""

from __future__ import annotations

import logging
from collections import Counter

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.app_server import eventually, random_model, serving
from tests.support.generated_requests import Sent, check, requests

REQUESTS = 150


def run(count: int) -> Counter[int]:
    """Send generated requests to a new app, the same ones each time; returns how often each status was answered."""
    statuses: Counter[int] = Counter()
    with serving({"random": random_model()}) as app, httpx.Client(base_url=app.url, timeout=30) as http:
        assert app.server
        paths = app.server.filter.paths

        @settings(
            max_examples=count, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(requests())
        def each(sent: Sent) -> None:
            statuses[check(http, paths, sent)] += 1

        each()
        # A client that leaves does not end its calls; one that begins while the app stops would be reported as a fault.
        assert app.page
        services, engine = app.page.write._services, app.served("random").engine
        eventually(lambda: engine.idle and not services.preparing.waiting and not services.workers.waiting)
    return statuses


# The server draws random numbers in a thread of this process, which hypothesis takes for a mistake of the test.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
def test_generated_requests(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        statuses = run(REQUESTS)
    output = "".join(capfd.readouterr())
    assert "Traceback" not in output
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]
    assert statuses[200] > REQUESTS / 20
    assert statuses[400] > REQUESTS / 20
    assert statuses[404] > REQUESTS / 50
