"""Generated requests to every route of the app: valid ones, and some with invalid values."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
from hypothesis import strategies as st

from ui.access.paths import OpenPath, find

STREAM_S = 0.5  # seconds for which a stream is read
HEX = "0123456789abcdef" * 2
MODEL = {"name": "random", "commit": ""}
PATH: dict[str, Any] = {"model": MODEL, "second": None, "text": "To be", "start": False, "clamps": []}
WRITE = {
    **PATH,
    "settings": {"length": 5, "seed": 1},
    "draw_offset": 0,
    "cells": [],
    "speed": None,
    "id": HEX,
    "received": "",
    "boundaries": [],
    "client": HEX,
}
TRACE: dict[str, Any] = {
    "trace": HEX,
    "server": "",
    "model": MODEL,
    "second": None,
    "share": None,
    "start": False,
    "clamps": [],
    "tail": {"at": 0, "text": "To be"},
    "length": 5,
    "from": 0,
}
CALL = {"data": ["To be", 5], "session_hash": "session"}
BODIES: dict[str, dict[str, Any]] = {
    "/write": WRITE,
    "/write/stop": {"id": HEX},
    "/write/check": {**PATH, "texts": ["To be"]},
    "/v1/completions": {"prompt": "To be", "max_tokens": 5, "seed": 1, "logprobs": 2, "n": 2},
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "To be"}], "max_tokens": 5},
    "/trace": TRACE,
    "/passages": {"model": MODEL, "cell": [0, 1]},
    "/gradio_api/call/generate": CALL,
    "/gradio_api/call/score": {**CALL, "data": ["To be"]},
    "/gradio_api/call/inspect": {**CALL, "data": ["To be", 0, 0]},
    "/gradio_api/queue/join": {**CALL, "fn_index": 0},
    "/gradio_api/cancel": {"session_hash": "session", "fn_index": 0, "event_id": HEX},
    "/gradio_api/reset": {"event_id": HEX},
}
READ = [
    "/",
    "/site",
    "/site?since=1",
    "/samples?model=random",
    "/samples?model=none",
    "/?prompt=a&seed=1&length=9",
    "/config",
    "/theme.css",
    "/favicon.ico",
    "/robots.txt",
    "/manifest.json",
    "/healthz",
    "/readyz",
    "/gradio_api/info",
    "/gradio_api/startup-events",
    "/gradio_api/app_id",
    "/gradio_api/theme.css",
    "/gradio_api/queue/data?session_hash=session",
    f"/gradio_api/call/generate/{HEX}",
    "/assets/index.js",
    "/static/img/logo.svg",
    f"/web/{HEX[:16]}/app.js",
]
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(["\ud800", "\x00", "a" * 65, "../../etc/passwd", HEX, "random", "session", "x" * 30_000]),
)
_values = st.recursive(
    _scalars,
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
_segments = st.sampled_from(
    ["gradio_api", "call", "v2", "generate", "queue", "join", "data", "web", "..", ".", "", "%2e%2e", "a b", HEX]
)
_NAMES = [
    *("origin", "x-gradio-user", "x-gradio-server", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    *("accept-language", "cookie", "range"),
]
_headers = st.dictionaries(
    st.sampled_from(_NAMES), st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60), max_size=3
)


@dataclass(frozen=True)
class Sent:
    """A request: the path with its query, and the body; None for no body."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@st.composite
def _changed(draw: st.DrawFn, body: dict[str, Any]) -> bytes:
    """A body as a client sends it, in which some values are replaced, left out or added."""
    changed = dict(body)
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from([*body, "simple_format", "batched", "trigger_id", "event_data", "commit"]))
        if draw(st.booleans()) and isinstance(changed.get(name), dict) and changed[name]:
            inner = draw(st.sampled_from(sorted(changed[name])))
            changed[name] = {**changed[name], inner: draw(_values)}
        elif draw(st.integers(0, 4)) == 0:
            changed.pop(name, None)
        else:
            changed[name] = draw(_values)
    return json.dumps(changed).encode()


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """A request to any route of the app, or to a path that is closed."""
    headers = {"content-type": "application/json", **draw(_headers)}
    kind = draw(st.integers(0, 9))
    if kind <= 5:
        path = draw(st.sampled_from(sorted(BODIES)))
        body = draw(st.one_of(_changed(BODIES[path]), _changed(BODIES[path]), st.binary(max_size=200)))
        return Sent("POST", path, body, headers)
    if kind <= 7:
        method = draw(st.sampled_from(["GET", "GET", "GET", "HEAD", "OPTIONS"]))
        return Sent(method, draw(st.sampled_from(READ)), None, headers)
    if kind == 8:
        method = draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]))
        return Sent(method, draw(st.sampled_from(READ)), b"{}" if method != "GET" else None, headers)
    return Sent("GET", "/" + "/".join(draw(st.lists(_segments, max_size=5))), None, headers)


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
