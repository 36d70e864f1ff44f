"""The meta tags of previews."""

from __future__ import annotations

from ui.preview.tags import MAX_DESCRIPTION, shortened, tags


def test_values_are_escaped() -> None:
    hostile = "\"><script>alert(1)</script>'&"
    written = tags(site=hostile, title=hostile, description=hostile, address=f"https://x/?{hostile}", picture=hostile)
    assert "<script" not in written
    assert written.count("<") == len(written.splitlines())


def test_without_an_address_there_is_no_address_of_a_picture() -> None:
    written = tags(site="a", title="b", description="c", address="", picture="/preview.png")
    assert "og:image" not in written
    assert "og:url" not in written
    assert 'twitter:card" content="summary"' in written


def test_a_description_is_one_line_cut_after_a_word() -> None:
    assert shortened(" a\n\tb\u202e\0 c ") == "a b c"
    cut = shortened("word " * 99)
    assert cut.endswith("word …")
    assert len(cut) <= MAX_DESCRIPTION + 2
