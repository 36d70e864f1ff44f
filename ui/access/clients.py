"""The address of the client that sent a request; the limits count by it.

A proxy appends the address of its client to X-Forwarded-For. The last address in it that is not a trusted proxy's is
the client's: the client may have invented the addresses before it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
_LOOPBACK = ("127.0.0.0/8", "::1/128")
_PREFIX = 64  # bits of the network part of an IPv6 address: one visitor may use all addresses of that network


class Proxies:
    """The addresses of the proxies that are trusted.

    Args:
        trusted: networks; "*" is every address.
    """

    def __init__(self, trusted: Collection[str] = ()) -> None:
        self._all = "*" in trusted
        self._networks = [ipaddress.ip_network(each, strict=False) for each in (*_LOOPBACK, *trusted) if each != "*"]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Proxies:
        """Returns the proxies in FORWARDED_ALLOW_IPS, those on this machine, and on a Space those in private networks.

        Raises:
            ValueError: the variable is not a list of addresses and networks.
        """
        given = [each.strip() for each in environment.get("FORWARDED_ALLOW_IPS", "").split(",") if each.strip()]
        for each in given:
            try:
                if each != "*":
                    ipaddress.ip_network(each, strict=False)
            except ValueError:
                rule = "it must be an address, a network or *"
                raise ValueError(f"FORWARDED_ALLOW_IPS has {each!r:.40}: {rule}") from None
        return cls([*given, *(_PRIVATE if environment.get("SPACE_ID") else ())])

    def client(self, peer: str, forwarded: str) -> str:
        """Returns the address of a client.

        Args:
            peer: the address that the connection comes from.
            forwarded: the value of X-Forwarded-For; "" without one.
        """
        client = peer
        for address in reversed([_without_port(each.strip()) for each in forwarded.split(",")]):
            if not self.trusts(client) or not is_address(address):
                break
            client = address
            if self._all:  # every address is trusted: the last one is that of the last proxy's client
                break
        return client

    def trusts(self, address: str) -> bool:
        """Returns whether an address is that of a trusted proxy."""
        parsed = _parsed(address)
        return self._all or (parsed is not None and any(parsed in network for network in self._networks))


def is_address(text: str) -> bool:
    """Returns whether a text is an IP address."""
    return _parsed(text) is not None


def group_of(address: str) -> str:
    """Returns what the limits count as one client: an IPv4 address, or the network of an IPv6 address."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _PREFIX), strict=False))
    return address


def is_this_machine(address: str) -> bool:
    """Returns whether an address is a loopback one: the owner's, or that of a local proxy that names no clients."""
    parsed = _parsed(group_of(address))
    return address == "::1" or (parsed is not None and parsed.is_loopback)


def _without_port(address: str) -> str:
    """Returns an address without the port that some proxies add: 203.0.113.7:50312, [2001:db8::1]:50312."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


@lru_cache(4096)
def _parsed(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
