"""Generated requests to every route: no fault of the server, no traceback, and no closed path that is answered."""

import contextlib
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.support.app_server import eventually, random_model, serving
from tests.support.request_bodies import BODIES, HEX
from ui.access.paths import OpenPath, find

REQUESTS = 150
STREAM_S = 0.5  # seconds for which a stream is read
SEGMENTS = ["gradio_api", "call", "v2", "generate", "queue", "join", "data", "web", "..", ".", "", "%2e%2e", "a b", HEX]
QUERIES = ["", "?since=1", "?model=random", "?model=none", "?prompt=a&seed=1&length=9", "?session_hash=session"]
METHODS = ["GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"]
NAMES = [
    *("origin", "x-gradio-user", "x-gradio-server", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    *("accept-language", "cookie", "range"),
]
HEADERS = st.dictionaries(
    st.sampled_from(NAMES), st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60), max_size=3
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(["\ud800", "\x00", "a" * 65, "../../etc/passwd", HEX, "random", "session", "x" * 30_000]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.sampled_from(["path", "meta", "_type", "name", "commit", "at", "text"]), st.text(max_size=8)),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@dataclass(frozen=True)
class Sent:
    """A request: the path with its query, and the body; None for no body."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@st.composite
def changed_body(draw: st.DrawFn, body: dict[str, Any]) -> bytes:
    """A body as a client sends it, in which some values are replaced, left out or added."""
    changed = dict(body)
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from([*body, "simple_format", "batched", "trigger_id", "event_data", "commit"]))
        if draw(st.booleans()) and isinstance(changed.get(name), dict) and changed[name]:
            inner = draw(st.sampled_from(sorted(changed[name])))
            changed[name] = {**changed[name], inner: draw(VALUES)}
        elif draw(st.integers(0, 4)) == 0:
            changed.pop(name, None)
        else:
            changed[name] = draw(VALUES)
    return json.dumps(changed).encode()


@st.composite
def requests(draw: st.DrawFn, paths: tuple[OpenPath, ...]) -> Sent:
    """A request to any open path of the app, or to a path that is closed."""
    headers = {"content-type": "application/json", **draw(HEADERS)}
    if draw(st.integers(0, 9)) < 6:
        path = draw(st.sampled_from(sorted(BODIES)))
        return Sent("POST", path, draw(st.one_of(changed_body(BODIES[path]), st.binary(max_size=200))), headers)
    opened = st.sampled_from([re.compile(each.path, re.ASCII) for each in paths])
    closed = st.lists(st.sampled_from(SEGMENTS), max_size=5).map(lambda each: "/" + "/".join(each))
    path = draw(st.one_of(opened.flatmap(lambda each: st.from_regex(each, fullmatch=True)), closed))
    method = draw(st.sampled_from(METHODS))
    body = None if method in ("GET", "HEAD", "OPTIONS") else b"{}"
    return Sent(method, path + draw(st.sampled_from(QUERIES)), body, headers)


def check(http: httpx.Client, paths: Iterable[OpenPath], sent: Sent) -> int:
    """Send a request and return the status of the answer.

    Raises:
        AssertionError: the answer is a fault of the server, or a closed path is answered.
    """
    headers = {**sent.headers, **({} if sent.body is not None else {"content-type": ""})}
    url = f"{str(http.base_url).rstrip('/')}{sent.path}"  # a path may begin with several slashes
    with http.stream(sent.method, url, content=sent.body, headers=headers) as answer:
        if answer.status_code == 200 and "event-stream" in answer.headers.get("content-type", ""):
            # A stream of Gradio's queue lasts until each call of its session has ended, with signs of life meanwhile.
            end = time.monotonic() + STREAM_S
            with contextlib.suppress(httpx.ReadTimeout):
                for _ in answer.iter_bytes():
                    if time.monotonic() > end:
                        break
        elif answer.status_code != 200:
            answer.read()
            assert answer.status_code < 500 or answer.status_code == 503, (sent, answer.status_code, answer.text)
        path = answer.request.url.path
        assert answer.status_code != 200 or find(paths, path), (sent, "a closed path is answered")
        return answer.status_code


def run(count: int) -> Counter[int]:
    """Send generated requests to a new app, the same ones each time; returns how often each status was answered."""
    statuses: Counter[int] = Counter()
    with serving({"random": random_model()}) as app, httpx.Client(base_url=app.url, timeout=30) as http:
        paths = app.server.filter.paths

        @settings(
            max_examples=count, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(requests(paths))
        def each(sent: Sent) -> None:
            statuses[check(http, paths, sent)] += 1

        each()
        # A client that leaves does not end its calls; one that begins while the app stops would be reported as a fault.
        services, engine = app.page.replies.services, app.served("random").engine
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
