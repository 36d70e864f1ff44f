"""The texts in an archive, a document or a table."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple

from ..decode import CorpusError
from ..encodings import web_encoding
from . import archives, documents, tables, web_pages
from .limits import DAMAGED, Budget, PackedError, damaged

_MAGIC = (
    *((0, b"\x1f\x8b", "gzip"), (0, b"BZh", "bzip2"), (0, b"\xfd7zXZ\x00", "xz"), (257, b"ustar", "tar")),
    *((0, b"PK\x03\x04", "zip"), (0, b"PAR1", "parquet")),
)
_PAGES = (".html", ".htm", ".xhtml")
# Zip archives that hold no text of their own.
_PROGRAMS = (".jar", ".apk", ".whl", ".npz", ".pt", ".pth", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".keras", ".kmz")


class Part(NamedTuple):
    """A text or another archive inside a file."""

    path: str
    """Its path inside; "" for the text of the file itself."""
    chunks: Iterator[bytes]
    """Must be read before the next part is requested."""
    is_text: bool = False
    """Whether the chunks are text in UTF-8 that was made from the file, not a file in it."""


def kind_of(head: bytes, name: str) -> str | None:
    """Returns the format of an archive, a document, a table or a web page; None for any other file.

    Args:
        head: its first 8 kB.
        name: its base name. HTML is unpacked only in a file of such a name; elsewhere it may be source code.
    """
    suffix = PurePosixPath(name.lower()).suffix
    if suffix in _PAGES:
        return "html" if web_pages.is_web_page(head) else None
    found = next((kind for offset, magic, kind in _MAGIC if head.startswith(magic, offset)), None)
    if found != "zip":
        return found
    if suffix in _PROGRAMS or b"xl/" in head[:4096] or b"ppt/" in head[:4096] or b"/data.pkl" in head:
        return None
    if b"application/epub+zip" in head[:200]:
        return "epub"
    if b"application/vnd.oasis.opendocument" in head[:200]:
        return None
    return "docx" if suffix == ".docx" or b"word/document.xml" in head else "zip"


def parts_of(kind: str, file: BinaryIO, name: str, label: str, size: int, charset: str | None = None) -> Iterator[Part]:
    """Yields the parts of a file of this kind.

    Args:
        kind: what `kind_of` returned.
        file: a file that can seek.
        name: its base name.
        label: the file in errors.
        size: in bytes.
        charset: the encoding of a web page according to its server.

    Raises:
        CorpusError: the file is damaged, encrypted, or unpacks to more than `limits` allows.
    """
    budget = Budget(label, size)
    try:
        if kind == "zip":
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
            kind = "docx" if "word/document.xml" in names else "epub" if documents.CONTAINER in names else kind
            file.seek(0)
        yield from _parts(kind, file, name, budget, charset)
    except CorpusError:
        raise
    except DAMAGED as error:
        raise damaged(label, error) from error


def _parts(kind: str, file: BinaryIO, name: str, budget: Budget, charset: str | None) -> Iterator[Part]:
    if kind == "parquet":
        is_chat, rows = tables.rows(file, budget.label)
        yield Part("", (row.encode("utf-8", "replace") for row in rows), is_text=not is_chat)
    elif kind == "docx":
        yield Part("", _encoded(documents.word_text(file, budget)), is_text=True)
    elif kind == "epub":
        text = "\n\n".join(text for _, text in documents.book_chapters(file, budget))
        yield Part("", _encoded(text), is_text=True)
    elif kind == "html":
        page = budget.whole(file)
        yield Part("", _encoded(web_pages.text_of(_decoded_page(page, budget.label, charset))), is_text=True)
    else:
        if kind in ("zip", "tar"):
            members = archives.zipped(file, budget) if kind == "zip" else archives.tarred(file, budget)
        else:
            members = archives.compressed(kind, file, name, budget)
        for path, chunks in members:
            yield Part(path, chunks)


def _decoded_page(page: bytes, label: str, charset: str | None) -> str:
    """Returns a page as text: UTF-8, UTF-16, or the encoding that its server or the page itself names."""
    try:
        return page.decode("utf-16" if page[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        charset = charset or web_encoding(web_pages.charset_of(page) or "")
    try:
        return page.decode(charset or "ascii")
    except (LookupError, UnicodeDecodeError):
        raise PackedError(f"{label} is not UTF-8 and does not say its encoding: save it as UTF-8") from None


def _encoded(text: str) -> Iterator[bytes]:
    yield text.encode("utf-8", "replace")
