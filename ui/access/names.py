"""The hosts under which the app is served.

A page of another site can make a browser send requests to an app on the visitor's own machine, under a name of its own
that it has pointed to 127.0.0.1 (DNS rebinding). So an app that listens on a loopback address answers only under names
of this machine, and those that its owner lists.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(:[0-9]{1,5})?")


def is_loopback(host: str) -> bool:
    """Returns whether a name or address is that of this machine."""
    host = host.strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_origin(text: str) -> bool:
    """Returns whether a text is an origin, such as https://example.org."""
    return bool(_ORIGIN.fullmatch(text))


def is_host(text: str) -> bool:
    """Returns whether a text is the name of a host, without a port."""
    match = _HOST.fullmatch(text)
    return bool(match and not match.group(2))


@dataclass(frozen=True)
class Names:
    """The hosts that are allowed.

    Attributes:
        bound_to: the address that the app listens on.
        hosts: names under which a proxy serves the app.
    """

    bound_to: str = "127.0.0.1"
    hosts: Collection[str] = frozenset()

    def allows(self, header: str) -> bool:
        """Returns whether a request with this Host header is answered."""
        host = _host_of(header)
        if not self.hosts and not is_loopback(self.bound_to):
            return bool(host) or not header  # HTTP/1.0 has no Host
        return bool(host) and (is_loopback(host) or host in self.hosts)


def _host_of(header: str) -> str:
    """Returns the name or address in a Host header, without the port, in lower case; "" if no URL can be made of it."""
    match = _HOST.fullmatch(header)
    try:
        httpx.URL(f"http://{header}")  # as Gradio does
        port = urlsplit(f"http://{header}").port
    except (httpx.InvalidURL, ValueError):
        return ""
    return match.group(1).lower() if match and port != 0 else ""
