"""The client address of a request behind trusted and other proxies."""

from __future__ import annotations

import pytest

from ui.access.clients import Proxies, group_of, is_this_machine


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "8.8.8.8", "203.0.113.7"),  # the client sends a forged address
        ("127.0.0.1", "8.8.4.4, 8.8.8.8", "8.8.8.8"),
        ("127.0.0.1", "8.8.8.8:50312", "8.8.8.8"),
        ("127.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("127.0.0.1", "8.8.8.8, nonsense", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("10.1.2.3", "8.8.8.8", "10.1.2.3"),  # a private address is not a proxy by itself
        ("", "8.8.8.8", ""),
    ],
)
def test_the_last_address_of_no_trusted_proxy_is_the_clients(peer: str, forwarded: str, client: str) -> None:
    assert Proxies.of({}).client(peer, forwarded) == client


def test_the_hubs_proxies_are_trusted_on_a_space() -> None:
    proxies = Proxies.of({"SPACE_ID": "user/space"})
    assert proxies.client("10.16.3.4", "9.9.9.9, 8.8.8.8, 10.20.1.1") == "8.8.8.8"
    assert proxies.client("8.8.8.8", "9.9.9.9") == "8.8.8.8"


def test_the_owner_lists_proxies() -> None:
    proxies = Proxies.of({"FORWARDED_ALLOW_IPS": "198.51.100.0/24, 2001:db8::7"})
    assert proxies.client("198.51.100.9", "8.8.8.8") == "8.8.8.8"
    assert proxies.client("2001:db8::7", "9.9.9.9, 8.8.8.8") == "8.8.8.8"
    assert proxies.client("198.51.101.9", "8.8.8.8") == "198.51.101.9"
    everyone = Proxies.of({"FORWARDED_ALLOW_IPS": "*"})
    assert everyone.client("203.0.113.7", "9.9.9.9, 8.8.8.8") == "8.8.8.8"
    with pytest.raises(ValueError, match="FORWARDED_ALLOW_IPS has 'proxy': it must be"):
        Proxies.of({"FORWARDED_ALLOW_IPS": "proxy"})


def test_an_ipv6_network_counts_as_one_client() -> None:
    assert group_of("2001:db8:1:2:3::4") == group_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert group_of("2001:db8:1:3::4") != group_of("2001:db8:1:2::4")
    assert group_of("::ffff:8.8.8.8") == group_of("8.8.8.8") == "8.8.8.8"


@pytest.mark.parametrize(
    ("address", "own"), [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("", False)]
)
def test_addresses_of_this_machine(address: str, own: bool) -> None:
    assert is_this_machine(address) == own
