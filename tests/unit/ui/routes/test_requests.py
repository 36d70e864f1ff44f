"""The request of a page that stores its conversation itself."""

from __future__ import annotations

from ui.routes.requests import digest_of
from ui.settings import Fields


def test_the_digest_covers_all_fields_that_determine_the_text() -> None:
    query: dict[str, object] = {
        "model": {"name": "a", "commit": ""},
        "text": "\ud83d",
        "settings": {"seed": 1, "length": 5},
        "received": "",
    }
    same = {**query, "settings": {"length": 5, "seed": 1}, "received": "abc", "speed": 5, "boundaries": [1]}
    assert digest_of(Fields(query)) == digest_of(Fields(same))
    others = [{**query, name: value} for name, value in (("text", "b"), ("cells", [[0, 0, 1]]), ("draw_offset", 1))]
    assert len({digest_of(Fields(each)) for each in (query, *others)}) == 4
