"""The message ids that the sources of the page use, and the placeholders of texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from ui.messages import pieces

ROOT = Path(__file__).parents[2]
_ID = re.compile(r"[a-z]\w*\.[a-z_][\w.]*")
_ATTRIBUTES = {"data-text", "data-label", "data-placeholder"}
_CALLS = {"t", "Message", "RefusalError", "_BusyError"}  # whose first argument is an id


def ids_used() -> tuple[set[str], set[str], set[str]]:
    """What the sources of both pages hold: ids that are surely shown, texts that look like ids, and beginnings of ids
    that are put together, such as ``lens.``."""
    shown, alike, beginnings = set(ids_in_documents()), set(), set()
    for path in sorted((ROOT / "ui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _ID.fullmatch(node.value):
                alike.add(node.value)
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                beginnings.add(str(node.values[0].value))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant):
                    shown.add(str(first.value))
    for path in sorted((ROOT / "web").rglob("*.js")):
        script = path.read_text(encoding="utf-8")
        shown |= set(re.findall(r'\b(?:t|say)\(\s*"([^"]+)"', script)) | set(re.findall(r'\bid: "([^"]+)"', script))
        alike |= {text for text in re.findall(r'"([^"\n]*)"', script) if _ID.fullmatch(text)}
        beginnings |= set(re.findall(r"`(\w+\.)\$\{", script))
    return shown, alike | shown, beginnings


def ids_in_documents() -> Iterator[str]:
    """The ids in the HTML of both pages."""
    for path in sorted((ROOT / "web").rglob("*.html")):
        yield from _read(path).ids


def texts_in_document(path: Path) -> dict[str, str]:
    """The text of each element of a document that has an id and a text of its own, by the id."""
    return _read(path).texts


def placeholders(text: str) -> set[str]:
    """The names of the values that a text shows, in every form of its plurals."""
    found: set[str] = set()
    for piece, is_place in pieces(text):
        if is_place:
            name, _, rest = piece.partition(",")
            found |= {name.strip()} | {each for form, inside in pieces(rest) if inside for each in placeholders(form)}
    return found


def _read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.texts: dict[str, str] = {}
        self._id: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [value for name in _ATTRIBUTES if (value := given.get(name))]
        self._id = given.get("data-text")

    def handle_data(self, data: str) -> None:
        if self._id and data.strip():
            self.texts[self._id] = data
        self._id = None
