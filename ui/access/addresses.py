"""The address of the client of a request, the hosts under which the app is served, and the app's own address.

uvicorn's middleware takes the address from X-Forwarded-For if the connection comes from a proxy in `LOOPBACK`, or one
that the owner has listed.

A page of another site can make a browser send requests to an app on the visitor's own machine, under a name of its own
that it has pointed to 127.0.0.1 (DNS rebinding). So an app that listens on a loopback address answers only under names
of this machine, and those that its owner lists.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import httpx
from starlette.requests import Request

LOOPBACK = frozenset({"127.0.0.0/8", "::1"})
PRIVATE = frozenset({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"})
_PREFIX = 64  # bits of the network part of an IPv6 address: one visitor may use all addresses of that network
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(:[0-9]{1,5})?")


def is_network(text: str) -> bool:
    """Returns whether a text is an IP address, or a network such as 10.0.0.0/8; bits after the prefix may be set."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def group_of(address: str) -> str:
    """Returns what the limits count as one client: an IPv4 address, or the network of an IPv6 address."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, _PREFIX), strict=False))
    return address


def is_this_machine(name: str) -> bool:
    """Returns whether a name or address is a loopback one: the owner's, or that of a local proxy."""
    parsed = _parsed(name.strip("[]"))
    if parsed is None:
        return name == "localhost" or name.endswith(".localhost")
    return ((isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped) or parsed).is_loopback


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
        if not self.hosts and not is_this_machine(self.bound_to):
            return bool(host) or not header  # HTTP/1.0 has no Host
        return bool(host) and (is_this_machine(host) or host in self.hosts)


def address_of_space() -> str:
    """Returns the address of the Space that the app runs on, with a slash at its end; "" elsewhere."""
    host = os.environ.get("SPACE_HOST", "")
    return f"https://{host}/" if host else ""


def address_of_app(request: Request) -> str:
    """Returns the address of the app, with a slash at its end.

    GRADIO_ROOT_PATH is the path below which a proxy serves the app, or its whole address.
    """
    root = request.scope.get("root_path", "").rstrip("/")
    own = root if root.startswith(("http://", "https://")) else f"{request.url.scheme}://{request.url.netloc}{root}"
    return address_of_space() or f"{own}/"


def _host_of(header: str) -> str:
    """Returns the name or address in a Host header, without the port, in lower case; "" if no URL can be made of it."""
    match = _HOST.fullmatch(header)
    try:
        httpx.URL(f"http://{header}")  # as Gradio does
        port = urlsplit(f"http://{header}").port
    except (httpx.InvalidURL, ValueError):
        return ""
    return match.group(1).lower() if match and port != 0 else ""


@lru_cache(4096)
def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
