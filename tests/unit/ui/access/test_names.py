"""The host names that the app accepts."""

from __future__ import annotations

import pytest

from ui.access.names import Names


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:7860", "127.0.0.1:7860", "[::1]:7860", "app.localhost"])
def test_an_app_on_a_loopback_address_accepts_names_of_this_machine(host: str) -> None:
    assert Names("127.0.0.1").allows(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:7860", "127.0.0.1.evil.example", "localhost.evil.example", "a b", "::1"]
)
def test_an_app_on_a_loopback_address_accepts_no_other_name(host: str) -> None:
    assert not Names("127.0.0.1").allows(host)
    assert not Names("localhost").allows(host)


def test_a_name_that_the_owner_lists_is_accepted() -> None:
    names = Names("127.0.0.1", frozenset({"example.org"}))
    assert names.allows("example.org")
    assert names.allows("EXAMPLE.org:443")
    assert not names.allows("evil.example")


def test_a_public_app_accepts_every_name_unless_some_are_listed() -> None:
    assert Names("203.0.113.1").allows("evil.example")
    assert not Names("203.0.113.1", frozenset({"example.org"})).allows("evil.example")


@pytest.mark.parametrize("host", ["::", "a:b", "a:99999", "[:::::]", "[1.2.3.4]", "999.1.1.1", "a/b", "a@b"])
def test_no_app_accepts_a_host_that_no_url_can_name(host: str) -> None:
    assert not Names("203.0.113.1").allows(host)
    assert not Names("203.0.113.1", frozenset({host.partition(":")[0]})).allows(host)
