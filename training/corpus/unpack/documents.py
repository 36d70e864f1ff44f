"""Reads the text of .docx and .epub, which are zip archives of XML.

XML with entities of its own is refused: a few of them may expand to gigabytes, or to files of this machine.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO, cast
from urllib.parse import unquote
from xml.parsers import expat

from . import web_pages
from .limits import Budget, PackedError

CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"


def word_text(file: BinaryIO, budget: Budget) -> str:
    """Returns the paragraphs of a .docx, a line each, as they are after all tracked changes."""
    with zipfile.ZipFile(file) as archive:
        xml = _read(archive, "word/document.xml", budget)
    parts: list[str] = []
    is_text = False
    marks = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}

    def start(tag: str, _: dict[str, str]) -> None:
        nonlocal is_text
        is_text = _local(tag) == "t"
        parts.append(marks.get(_local(tag), ""))

    def end(tag: str) -> None:
        nonlocal is_text
        is_text = False
        if _local(tag) == "p":
            parts.append("\n")

    def data(text: str) -> None:
        if is_text:
            parts.append(text)

    _parse(xml, budget.label, start, end, data)
    return "".join(parts)


def book_chapters(file: BinaryIO, budget: Budget) -> Iterator[tuple[str, str]]:
    """Yields (path, text) of each chapter of an .epub, in the order of reading.

    Raises:
        PackedError: the book is encrypted, or lacks a file that it names.
    """
    with zipfile.ZipFile(file) as archive:
        named = _elements(_read(archive, CONTAINER, budget), budget.label)
        roots = [each.get("full-path", "") for tag, each in named if tag == "rootfile"]
        if not roots:
            raise PackedError(f"{budget.label} names no book in {CONTAINER}: give its text")
        folder = posixpath.dirname(roots[0])
        elements = list(_elements(_read(archive, roots[0], budget), budget.label))
        items = {each["id"]: each.get("href", "") for tag, each in elements if tag == "item" and "id" in each}
        order = [items.get(each.get("idref", ""), "") for tag, each in elements if tag == "itemref"]
        protected = _encrypted(archive, budget)
        for href in filter(None, order):
            path = posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))
            if path in protected:
                raise PackedError(f"{budget.label} is encrypted (DRM): give a copy without protection, or its text")
            page = _read(archive, path, budget)
            if text := web_pages.text_of(page.decode(web_pages.charset_of(page) or "utf-8", "replace")):
                yield path, text


def _read(archive: zipfile.ZipFile, path: str, budget: Budget) -> bytes:
    with archive.open(path) as stream:
        return budget.whole(cast(BinaryIO, stream))


def _encrypted(archive: zipfile.ZipFile, budget: Budget) -> set[str]:
    """Returns the paths of the encrypted files; fonts often are."""
    if _ENCRYPTION not in archive.namelist():
        return set()
    xml = _read(archive, _ENCRYPTION, budget)
    return {unquote(each["URI"]) for tag, each in _elements(xml, budget.label) if tag == "CipherReference"}


def _elements(xml: bytes, label: str) -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []
    _parse(xml, label, lambda tag, attributes: found.append((_local(tag), attributes)))
    return found


def _parse(xml: bytes, label: str, start: Any, end: Any = None, data: Any = None) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")

    def refuse(*_: object) -> None:
        raise PackedError(f"{label} defines entities of its own, which may be an attack: give its text")

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, data
    parser.Parse(xml, True)


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]
