"""The address under which visitors reach the app, which behind a proxy is not the app's own.

A Space knows its host from SPACE_HOST. Elsewhere a trusted proxy names host and scheme in X-Forwarded-Host and
X-Forwarded-Proto, and the owner names the path in GRADIO_ROOT_PATH if it is not that of the host.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from .clients import Proxies
from .names import Names, is_origin

Headers = Sequence[tuple[bytes, bytes]]
_PATH = re.compile(r"(?:/[\w.~-]+)*/?", re.ASCII)
_PROXIED = 0  # the port of a client whose address uvicorn has taken from a header of a proxy that it trusts


def address_of_space() -> str:
    """Returns the address of the Space that the app runs on, with a slash at its end; "" elsewhere."""
    host = os.environ.get("SPACE_HOST", "")
    return f"https://{host}/" if host else ""


def origin_of(scheme: str, headers: Headers, peer: tuple[str, int], proxies: Proxies, names: Names) -> str:
    """Returns the scheme and host that a request was sent to; "" if its headers name none that is allowed.

    Args:
        scheme: of the connection, or the one that a proxy trusted by the server has named.
        headers: of the request, with names in lower case.
        peer: address and port from which the connection comes.
        proxies: the trusted proxies.
        names: the hosts under which the app is served.
    """
    host = _first(headers, b"host")
    if peer[1] == _PROXIED or proxies.trusts(peer[0]):
        host = _first(headers, b"x-forwarded-host") or host
        forwarded = _first(headers, b"x-forwarded-proto")
        scheme = forwarded if forwarded in ("http", "https") else scheme
    origin = f"{scheme}://{host}".lower()
    return origin if is_origin(origin) and names.allows_host(host) else ""


def address_of_app(origin: str, root_path: str) -> str:
    """Returns the address of the app, with a slash at its end; "" if it is not known.

    Args:
        origin: from `origin_of`.
        root_path: the path below which a proxy serves the app, or its whole address.
    """
    if space := address_of_space():
        return space
    root = root_path.rstrip("/")
    if root.startswith(("http://", "https://")):
        return f"{root}/"
    return f"{origin}{root if _PATH.fullmatch(root) else ''}/" if origin else ""


def _first(headers: Headers, name: bytes) -> str:
    """Returns the first of the values of a header, which the outermost proxy has written; "" without one."""
    value = next((value.decode("latin-1") for each, value in headers if each == name), "")
    return value.partition(",")[0].strip()
