"""Draws a text in the colours of its bits: 1200 × 630 pixels, the size that chat apps show large. Needs Pillow.

Each character is drawn by itself in a cell of fixed size, so no character can move or cover another one. A character
for which no font has a glyph is drawn as a filled box.
"""

from __future__ import annotations

import io
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import islice, takewhile
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from ..char_lstm import CharLSTM
from .surprisal import score

WIDTH, HEIGHT = 1200, 630
_MARGIN, _TOP, _BAND = 72, 150, 14
_SIZE, _LINE, _CELL = 33, 50, 20  # pixels of a letter, a line and a cell
COLUMNS, LINES = (WIDTH - 2 * _MARGIN) // _CELL, (HEIGHT - _TOP - 56) // _LINE
MAX_PROMPT = 3 * COLUMNS  # characters of a prompt that are shown, so that the reply is seen
_BOUNDS = (1, 2, 3, 4, 6, 8)  # bits, as in web/lenses/surprise.js
# The background and the text colour of each level, as in web/document/style.css.
_LEVELS = (
    ("#fafaf9", "#1c1917"),
    ("#fff1dc", "#1c1917"),
    ("#fddcae", "#1c1917"),
    ("#fdbb84", "#1c1917"),
    ("#fc8d59", "#1c1917"),
    ("#c9291a", "#ffffff"),
    ("#6b0000", "#ffffff"),
)
_PAGE, _INK, _BOX = "#fafaf9", "#0f766e", "#a8a29e"
# Fonts that packages install: Gradio's IBM Plex has Latin and Cyrillic letters, matplotlib's DejaVu Greek ones, too.
_PACKAGED = {
    "gradio": ("templates/frontend/static/fonts/IBMPlexMono", "IBMPlexMono-Regular.woff2", "IBMPlexMono-Bold.woff2"),
    "matplotlib": ("mpl-data/fonts/ttf", "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"),
}
_SYSTEM = (  # for other scripts, where the machine has one of them
    "DejaVuSansMono.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "PingFang.ttc",
    "msyh.ttc",
)

Font = ImageFont.FreeTypeFont
Glyph = tuple[Font, str]


@dataclass(frozen=True)
class ColouredText:
    """A text to draw.

    Attributes:
        prompt: the text by a person.
        reply: the text by the model.
        bits: the surprisal of each character of the reply; None without a prediction.
    """

    prompt: str
    reply: str
    bits: tuple[float | None, ...]


class Cell(NamedTuple):
    """A character of the picture: its place, its size and its colours."""

    line: int
    column: int
    width: int
    character: str
    background: str
    letter: str


def draw(title: str, text: ColouredText) -> bytes:
    """Returns the picture as a PNG.

    Args:
        title: of the site.
        text: the text below the title; cut where the picture ends.
    """
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAGE)
    pen = ImageDraw.Draw(image)
    shown = [each for each in title if each.isprintable()][: COLUMNS * 2 // 3]
    for at, character in enumerate(shown):
        _draw_character(pen, character, _MARGIN + at * 31, 52, size=52, width=31, colour="#1c1917", bold=True)
    end = _MARGIN + len(shown) * 31
    pen.rectangle((end + 6, 58, end + 24, 110), fill=_INK)  # the cursor of the page's title
    for cell in cells_of(text):
        left, top = _MARGIN + cell.column * _CELL, _TOP + cell.line * _LINE
        width = cell.width * _CELL
        pen.rectangle((left, top, left + width - 1, top + _LINE - 5), fill=cell.background)
        _draw_character(pen, cell.character, left, top + 1, size=_SIZE, width=width, colour=cell.letter)
    for at, (background, _) in enumerate(_LEVELS[1:]):
        part = WIDTH // (len(_LEVELS) - 1)
        pen.rectangle((at * part, HEIGHT - _BAND, (at + 1) * part, HEIGHT), fill=background)
    # 128 colours make 20 kB of 55, in 0.02 s; Pillow's default method takes 0.08 s.
    file = io.BytesIO()
    image.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, "PNG")
    return file.getvalue()


def draw_sample(lm: CharLSTM, title: str, sample: str) -> bytes:
    """Returns the picture of a text that the model wrote from an empty memory; see `draw`."""
    bits = tuple(None if math.isnan(each) else each for each in score(lm, sample).bits.tolist())
    return draw(title, ColouredText("", sample, bits))


def cells_of(text: ColouredText) -> Iterator[Cell]:
    """Yields the characters that fit into the picture, line by line."""
    prompt = text.prompt if len(text.prompt) <= MAX_PROMPT else "…" + text.prompt[1 - MAX_PROMPT :]
    styled = [(character, _PAGE, _INK) for character in prompt]
    reply = text.reply if prompt else text.reply.lstrip("\n")
    bits = text.bits[len(text.bits) - len(reply) :] if reply else ()
    styled += [(character, *_LEVELS[_level(each)]) for character, each in zip(reply, bits, strict=True)]
    line = column = 0
    for at, (character, background, letter) in enumerate(styled):
        if character == "\n":
            line, column = line + 1, 0
            continue
        width = _width(character)
        if not width:
            continue
        word = _word_width(styled[at:]) if column and not (at and styled[at - 1][0].isalnum()) else width
        if column + (word if word <= COLUMNS // 2 else width) > COLUMNS:
            line, column = line + 1, 0
        if line >= LINES:
            return
        yield Cell(line, column, width, character, background, letter)
        column += width


def _word_width(styled: Sequence[tuple[str, str, str]]) -> int:
    """Returns the number of cells from a position to the next space."""
    word = takewhile(lambda each: not each[0].isspace(), islice(styled, COLUMNS))
    return sum(_width(character) for character, *_ in word) or 1


def _level(bits: float | None) -> int:
    return sum(bits >= bound for bound in _BOUNDS) if bits is not None else 0


def _width(character: str) -> int:
    """Returns the number of cells of a character: 2 for a wide one, 0 for a combining mark or a control character."""
    if character == "\t":
        return 2
    if unicodedata.category(character)[0] in "CM" or not (character.isprintable() or character == " "):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _draw_character(
    pen: ImageDraw.ImageDraw,
    character: str,
    left: int,
    top: int,
    *,
    size: int,
    width: int,
    colour: str,
    bold: bool = False,
) -> None:
    if character.isspace():
        return
    font = _font_with(character, size, bold)
    if font is None:
        pen.rounded_rectangle((left + 3, top + 9, left + width - 4, top + size + 5), 4, fill=_BOX)
        return
    indent = (width - font.getlength(character)) / 2
    pen.text((left + max(0.0, indent), top + size), character, fill=colour, font=font, anchor="ls")


@cache
def _fonts(size: int, bold: bool) -> tuple[Font, ...]:
    """Returns the fonts that this machine has, the preferred one first."""
    packages = [(find_spec(name), *files) for name, files in _PACKAGED.items()]  # finds a package without its import
    packaged = [
        str(Path(spec.origin).parent / folder / (bold_file if bold else regular_file))
        for spec, folder, regular_file, bold_file in packages
        if spec and spec.origin
    ]
    found: list[Font] = []
    for name in [*packaged, *_SYSTEM]:
        try:
            found.append(ImageFont.truetype(name, size, layout_engine=ImageFont.Layout.BASIC))
        except OSError:  # no such font, or a FreeType that cannot read its format
            continue
    default = ImageFont.load_default(size)  # Pillow's own, which has only ASCII
    return (*found, default) if isinstance(default, Font) else tuple(found)


@cache
def _missing(font: Font) -> bytes:
    return bytes(font.getmask("\uffff"))


@lru_cache(4096)
def _font_with(character: str, size: int, bold: bool) -> Font | None:
    """Returns the first font that has a glyph for a character."""
    return next((font for font in _fonts(size, bold) if bytes(font.getmask(character)) != _missing(font)), None)


def draw_favicon() -> bytes:
    """Returns the icon of both pages as a PNG of 96 × 96 pixels: a letter and a cursor."""
    image = Image.new("RGBA", (4 * 96, 4 * 96))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((0, 0, 4 * 96 - 1, 4 * 96 - 1), 4 * 20, fill=_INK)
    pen.text((4 * 36, 4 * 70), "c", fill="white", font=_fonts(4 * 74, True)[0], anchor="ms")
    pen.rectangle((4 * 64, 4 * 20, 4 * 77, 4 * 76), fill=_LEVELS[3][0])
    file = io.BytesIO()
    image.resize((96, 96), Image.Resampling.LANCZOS).save(file, "PNG", optimize=True)
    return file.getvalue()
