"""The picture of a text: its size, where its characters stand, and what has no glyph."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops, ImageStat

from model.scoring.picture import COLUMNS, HEIGHT, LINES, MAX_PROMPT, WIDTH, ColouredText, cells_of, draw, draw_favicon
from ui.preview.__main__ import picture_of_the_static_page
from ui.routes.web_files import FOLDER


def coloured(prompt: str, reply: str, bits: float | None = 0.0) -> ColouredText:
    return ColouredText(prompt, reply, (bits,) * len(reply))


def lines(text: ColouredText) -> list[str]:
    found = [""] * LINES
    for cell in cells_of(text):
        found[cell.line] += cell.character
    return found


def opened(picture: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(picture))
    assert image.format == "PNG"
    return image.convert("RGB")


def test_the_colours_follow_the_bits() -> None:
    text = ColouredText("ab", "cdefg", (None, 0.5, 1.0, 5.0, 20.0))
    prompt, reply = [each.letter for each in cells_of(text)][:2], [each.background for each in cells_of(text)][2:]
    assert prompt == ["#0f766e", "#0f766e"]
    assert reply == ["#fafaf9", "#fafaf9", "#fff1dc", "#fc8d59", "#6b0000"]


def test_words_stay_whole_and_a_long_one_is_cut() -> None:
    word = "x" * (COLUMNS - 4)
    assert lines(coloured("", f"abc abcdef {'y' * 8} end"))[:1] == ["abc abcdef yyyyyyyy end"]
    first, second = lines(coloured("", f"{'a ' * (COLUMNS // 2 - 2)}longer word"))[:2]
    assert (first.strip()[-1], second) == ("a", "longer word")
    assert lines(coloured("ab", f" {word}{word}"))[:2] == [f"ab {word}x", f"{word[1:]}"]


def test_a_long_text_is_cut_and_a_long_prompt_leaves_room_for_the_reply() -> None:
    assert all(
        cell.line < LINES and cell.column + cell.width <= COLUMNS for cell in cells_of(coloured("", "ab " * 999))
    )
    shown = "".join(lines(coloured("p" * 999 + "q", "reply")))
    assert (len(shown), shown[0], shown[-6:]) == (MAX_PROMPT + 5, "…", "qreply")


@pytest.mark.parametrize(
    "text", ["", "\n\n\n" * 40, "\0\x07\u202e\u0301\u2028", "🙂你ÄßжΩ\ue000\U0001f9ff\tx", "\ud800", "<b>&amp;"]
)
def test_every_text_can_be_drawn(text: str) -> None:
    picture = draw(text or "char-lstm", coloured(text, text, None))
    assert opened(picture).size == (WIDTH, HEIGHT)
    assert len(picture) < 60_000


def test_a_character_without_a_glyph_is_a_box_and_one_that_turns_the_text_is_left_out() -> None:
    empty, box = (opened(draw("", coloured("", text))) for text in ("", "\U0010fffd"))
    assert ImageChops.difference(empty, box).getbbox() is None  # a private character is not printable
    box = opened(draw("", coloured("", "\U0001f9ff")))
    assert ImageChops.difference(empty, box).getbbox()
    assert lines(coloured("", "a\u202eb\u0301"))[0] == "ab"


def test_the_pictures_of_the_static_page_are_those_that_the_command_draws() -> None:
    for name, drawn in (("preview.png", picture_of_the_static_page()), ("favicon.png", draw_favicon())):
        committed = opened((FOLDER / name).read_bytes())
        assert committed.size == opened(drawn).size
        # Another version of FreeType draws other edges of letters.
        difference = ImageStat.Stat(ImageChops.difference(committed, opened(drawn))).mean
        assert max(difference) < 3, f"{name} is old: run python -m ui.preview"
