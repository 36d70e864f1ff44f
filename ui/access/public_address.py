"""The address under which visitors reach the app, which behind a proxy is not the app's own.

A Space knows its host from SPACE_HOST. Elsewhere a trusted proxy names host and scheme in X-Forwarded-Host and
X-Forwarded-Proto, which the filter has put into the request, and the owner names the path in GRADIO_ROOT_PATH if it is
not that of the host.
"""

from __future__ import annotations

import os

from starlette.requests import Request


def address_of_space() -> str:
    """Returns the address of the Space that the app runs on, with a slash at its end; "" elsewhere."""
    host = os.environ.get("SPACE_HOST", "")
    return f"https://{host}/" if host else ""


def address_of_app(request: Request) -> str:
    """Returns the address of the app, with a slash at its end."""
    root = request.scope.get("root_path", "").rstrip("/")  # a path, or a whole address
    own = root if root.startswith(("http://", "https://")) else f"{request.url.scheme}://{request.url.netloc}{root}"
    return address_of_space() or f"{own}/"
