"""The room of a cache is shared between its clients."""

from __future__ import annotations

from ui.fair_cache import FairCache


def test_the_oldest_value_of_the_client_that_holds_most_is_removed() -> None:
    cache: FairCache[str] = FairCache(6, len)
    cache.put("visitor", "a", "one")
    for at in range(9):
        cache.put(f"flood {at}", str(at) * 2, "two")
    assert [key for key, _ in cache] == ["visitor", "flood 7", "flood 8"]
    assert cache.get("flood 7") == "77"
    cache.put("flood 9", "999", "two")
    assert [key for key, _ in cache] == ["visitor", "flood 7", "flood 9"]
    assert cache.size == 6
