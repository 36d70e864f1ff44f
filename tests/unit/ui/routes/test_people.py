"""The line about other visitors' replies."""

from __future__ import annotations

import pytest

from tests.support.english import english
from ui.routes.people import People


def test_the_line_counts_the_other_people_and_none_of_the_visitors_own_replies() -> None:
    clients = ["a", "a"]
    people = People(lambda: clients, every_s=0.0)
    assert people.others("a") == []
    assert english(people.others("b")) == "1 other person is writing now"
    clients += ["b", "c"]
    assert english(people.others("a")) == "2 other people are writing now"


def test_the_clients_are_counted_once_per_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("ui.routes.people.time.monotonic", lambda: now)
    clients = ["a"]
    people = People(lambda: clients)
    assert people.others("a") == []
    clients.append("b")
    now += 0.9
    assert people.others("a") == []
    now += 0.1
    assert english(people.others("a")) == "1 other person is writing now"
