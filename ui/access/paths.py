"""The table of open paths: everything else is answered with 404, also a route that a newer Gradio adds.

Each row is needed by the page, by the API with gradio_client, by MCP, or is a route of this app.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

# "file" answers from memory or a file, "work" computes, "call" is a request to Gradio's queue.
Kind = Literal["file", "work", "call"]

MAX_BODY = 256 << 10  # bytes; a prompt of 20,000 characters has up to 240,000 in JSON
MAX_TEXT_BODY = 512 << 10  # of the routes that get the whole text of a conversation
MAX_SMALL_BODY = 8 << 10
EVENT = "[0-9a-f]{32}"  # an id that Gradio gave to a call
SESSION = "[A-Za-z0-9_-]{1,64}"  # an id that a client has drawn
HEALTH = ("/healthz", "/readyz")  # monitoring requests them by an IP address instead of a host name
_FILE = r"(?:[\w@+-][\w@.+-]*/)*[\w@+-][\w@.+-]*"  # no part begins with a dot


@dataclass(frozen=True)
class OpenPath:
    """A row of the table.

    Attributes:
        methods: the HTTP methods that are answered.
        path: matches the whole path.
        max_body: the largest body in bytes; 0 if there is none.
        kind: what an answer costs.
    """

    methods: tuple[str, ...]
    path: re.Pattern[str]
    max_body: int = 0
    kind: Kind = "file"


def open_paths(endpoints: Iterable[str], *, mcp: bool, metrics: bool) -> tuple[OpenPath, ...]:
    """Returns the open paths of an app.

    Args:
        endpoints: the names of the API's endpoints.
        mcp: whether the API is served as MCP tools, too.
        metrics: whether the figures for Prometheus are served.
    """
    names = "|".join(map(re.escape, endpoints))
    rows = [
        # the page
        (("GET", "HEAD"), "/", 0, "file"),
        (("GET",), "/api", 0, "file"),
        (
            ("GET",),
            r"/static/js/iframeResizer\.contentWindow\.min\.js",
            0,
            "file",
        ),  # for the frame of a Space
        (("GET",), r"/favicon\.ico|/robots\.txt", 0, "file"),
        # the routes of this app
        (("GET",), "|".join(HEALTH), 0, "file"),
        (("GET", "HEAD"), f"/web/[0-9a-f]+/{_FILE}", 0, "file"),
        (("GET",), "/site", 0, "file"),
        (("GET",), f"/v1/models(?:/{_FILE})?", 0, "file"),
        (("POST",), "/v1/completions", MAX_BODY, "work"),
        (("POST",), "/v1/chat/completions", MAX_TEXT_BODY, "work"),
        (("POST",), "/write", MAX_TEXT_BODY, "work"),
        (("POST",), "/write/check", MAX_TEXT_BODY, "work"),
        (("POST",), "/write/stop", MAX_SMALL_BODY, "file"),
        (("POST",), "/trace", MAX_TEXT_BODY, "work"),
        (("POST",), "/passages", MAX_SMALL_BODY, "file"),
        (("GET",), "/samples", 0, "work"),
        # the API, for gradio_client and the queue
        (("GET",), r"/config/?", 0, "file"),
        (("GET",), "/gradio_api/startup-events", 0, "file"),
        (("GET",), f"/gradio_api/heartbeat/{SESSION}", 0, "file"),
        (("GET",), "/gradio_api/info/?", 0, "file"),
        (("POST",), f"/gradio_api/call/(?:v2/)?(?:{names})/?", MAX_BODY, "call"),
        (("GET",), f"/gradio_api/call/(?:v2/)?(?:{names})/{EVENT}", 0, "file"),
        (("POST",), "/gradio_api/queue/join", MAX_BODY, "call"),
        (("GET",), "/gradio_api/queue/data", 0, "file"),
        (("POST",), "/gradio_api/(?:cancel|reset/?)", MAX_SMALL_BODY, "file"),
    ]
    if mcp:
        rows += [
            (("GET", "POST", "DELETE"), "/gradio_api/mcp/?", MAX_BODY, "work"),
            (("GET",), "/gradio_api/mcp/schema", 0, "file"),
        ]
    if metrics:
        rows.append((("GET",), "/metrics", 0, "file"))
    return tuple(OpenPath(methods, re.compile(path, re.ASCII), size, kind) for methods, path, size, kind in rows)  # type: ignore[arg-type]


def find(paths: Iterable[OpenPath], path: str) -> OpenPath | None:
    """Returns the row of a path; None if the path is closed."""
    return next((each for each in paths if each.path.fullmatch(path)), None)
