"""The meta tags of previews."""

from __future__ import annotations

from ui.preview import MAX_DESCRIPTION, shortened, tags


def test_values_are_escaped() -> None:
    hostile = "\"><script>alert(1)</script>'&"
    written = tags(site=hostile, title=hostile, description=hostile, address=f"https://x/?{hostile}", picture=hostile)
    assert "<script" not in written
    assert written.count("<") == len(written.splitlines())


def test_a_description_is_one_line_cut_after_a_word() -> None:
    assert shortened(" a\n\tb\u202e\0 c ") == "a b c"
    cut = shortened("word " * 99)
    assert cut.endswith("word …")
    assert len(cut) <= MAX_DESCRIPTION + 2
