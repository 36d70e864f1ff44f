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
_READ = (
    *("/api", r"/favicon\.ico|/robots\.txt", "|".join(HEALTH), "/site", f"/v1/models(?:/{_FILE})?"),
    r"/static/js/iframeResizer\.contentWindow\.min\.js",  # for the frame of a Space
    *("/config/?", "/gradio_api/(?:startup-events|info/?|queue/data)", f"/gradio_api/heartbeat/{SESSION}"),
)


@dataclass(frozen=True)
class OpenPath:
    """A row of the table.

    Attributes:
        methods: the HTTP methods that are answered.
        path: an expression that matches the whole path.
        max_body: the largest body in bytes; 0 if there is none.
        kind: what an answer costs.
    """

    methods: tuple[str, ...]
    path: str
    max_body: int = 0
    kind: Kind = "file"


def open_paths(endpoints: Iterable[str], *, mcp: bool) -> tuple[OpenPath, ...]:
    """Returns the open paths of an app.

    Args:
        endpoints: the names of the API's endpoints.
        mcp: whether the API is served as MCP tools, too.
    """
    names = "|".join(map(re.escape, endpoints))
    rows = [
        *(OpenPath(("GET", "HEAD"), path) for path in ("/", f"/web/[0-9a-f]+/{_FILE}")),
        *(OpenPath(("GET",), path) for path in _READ),
        OpenPath(("GET",), f"/gradio_api/call/(?:{names})/{EVENT}"),
        OpenPath(("GET",), "/samples", 0, "work"),
        *(OpenPath(("POST",), path, MAX_TEXT_BODY, "work") for path in ("/write", "/write/check", "/trace")),
        OpenPath(("POST",), "/v1/chat/completions", MAX_TEXT_BODY, "work"),
        OpenPath(("POST",), "/v1/completions", MAX_BODY, "work"),
        *(OpenPath(("POST",), path, MAX_SMALL_BODY) for path in ("/write/stop", "/passages")),
        OpenPath(("POST",), "/gradio_api/(?:cancel|reset/?)", MAX_SMALL_BODY),
        OpenPath(("POST",), f"/gradio_api/(?:queue/join|call/(?:{names})/?)", MAX_BODY, "call"),
    ]
    if mcp:
        rows.append(OpenPath(("GET", "POST", "DELETE"), "/gradio_api/mcp/?", MAX_BODY, "work"))
        rows.append(OpenPath(("GET",), "/gradio_api/mcp/schema"))
    return tuple(rows)


def find(paths: Iterable[OpenPath], path: str) -> OpenPath | None:
    """Returns the row of a path; None if the path is closed."""
    return next((each for each in paths if re.fullmatch(each.path, path, re.ASCII)), None)
