"""Twenty thousand generated requests to every route: no fault of the server, and no traceback."""

import pytest

from tests.integration.ui.access.test_generated_requests import run

REQUESTS = 20_000


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
def test_generated_requests_at_length(capfd: pytest.CaptureFixture[str]) -> None:
    statuses = run(REQUESTS)
    output = "".join(capfd.readouterr())
    print(f"{sum(statuses.values()):,} requests: {dict(sorted(statuses.items()))}")
    assert "Traceback" not in output
    assert sum(statuses.values()) >= REQUESTS * 0.9
