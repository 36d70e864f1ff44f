"""Recognises what is not plain text, and reads archives, documents, tables (.parquet) and web pages.

Nothing is written to disk under a name from an archive, so a name such as ../../x does no harm. Links are left out. The
parser of XML reads no files for entities, and refuses those that expand to gigabytes.
"""

from __future__ import annotations

import importlib
import io
import json
import posixpath
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import IO, NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

from model.terminal import one_line, size_text

from .decode import CHUNK, CorpusError, LeftOutError, web_encoding

_MAX_DOCUMENT = 200 << 20  # bytes of a document that is parsed in memory
_ROWS = 1000  # of a table, read at once
_WORD = "word/document.xml"  # of a .docx
_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"  # of an .epub
_WORD_MARKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "p": "\n"}
_TEXT_COLUMNS = ("text", "content", "body", "document", "story", "sentence")
_CHAT_COLUMNS = ("messages", "conversations", "instruction", "prompt", "question")


# --- formats

SNIFFED_BYTES = 8192  # beginning of a file that is needed to recognise all formats below

_UNPACK = "unpack it and give the text inside"
_SAVE_AS_TEXT = "save it as plain text (.txt, UTF-8) and give that"
_PAGES = (".html", ".htm", ".xhtml")
# Zip archives that hold no text of their own.
_PROGRAMS = (".jar", ".apk", ".whl", ".npz", ".pt", ".pth", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".keras", ".kmz")


class Kind(NamedTuple):
    """A file format that is not plain text."""

    what: str  # in words, with an article
    advice: str  # what the user should do if the file cannot be read
    unpack: str = ""  # how `parts_of` reads it, or "html"; "" if nothing does


# The first expression that matches the beginning of a file wins.
_KINDS = [
    (re.compile(pattern, re.DOTALL), Kind(what, advice, *unpack))
    for pattern, what, advice, *unpack in (
        (rb"\x1f\x8b", "a gzip archive", _UNPACK, "gzip"),
        (rb"BZh", "a bzip2 archive", _UNPACK, "bz2"),
        (rb"\xfd7zXZ\0", "an xz archive", _UNPACK, "lzma"),
        (rb".{257}ustar", "a tar archive", _UNPACK, "tar"),
        (rb"PK\x03\x04.{0,4096}(?:xl/|ppt/|\.opendocument)", "an Office document", _SAVE_AS_TEXT),
        (rb"PK\x03\x04", "a zip archive", _UNPACK, "zip"),  # also .docx and .epub
        (rb"PAR1", "a Parquet table", "export its text column to a plain text file and give that", "parquet"),
        (rb"\x28\xb5\x2f\xfd|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07", "a zstd, 7-Zip or RAR archive", _UNPACK),
        (rb"%PDF-", "a PDF document", "extract its text, for example with pdftotext, and give that"),
        (rb"\{\\rtf|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an RTF or old Office document", _SAVE_AS_TEXT),
        (rb"version https://git-lfs\.", "a Git LFS pointer, not the file itself", "download the file (git lfs pull)"),
    )
]
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,400}>\s*)?(?:<!--.{0,4000}?-->\s*)*<(?:!doctype html|html|head|body)\b",
    re.DOTALL | re.IGNORECASE,
)


def file_kind(head: bytes, name: str) -> Kind | None:
    """Returns what a file is; None for plain text, and for binary data, which `decode` refuses.

    Args:
        name: its base name. HTML counts as a web page only in a file of such a name; elsewhere it may be source code.
    """
    suffix = PurePosixPath(name.lower()).suffix
    if suffix in _PAGES and _PAGE.match(head):
        return Kind("a web page", _SAVE_AS_TEXT, "html")
    found = next((kind for pattern, kind in _KINDS if pattern.match(head)), None)
    return found._replace(unpack="") if found and found.unpack == "zip" and suffix in _PROGRAMS else found


# --- archives


class Part(NamedTuple):
    """A text or another archive inside a file."""

    path: str  # inside the file; "" for the text of the file itself
    chunks: Iterable[bytes]  # must be read before the next part is requested; the first is 1 MB, or all of it
    is_text: bool = False  # whether the chunks are text in UTF-8 that was made from the file, not a file in it


def parts_of(kind: str, file: IO[bytes], name: str, label: str) -> Iterator[Part]:
    """Yields the parts of an archive, a document or a table.

    Args:
        kind: `Kind.unpack`, but not html.

    Raises:
        LeftOutError: the file is damaged or encrypted.
    """
    file.seek(0)
    with _readable(label):
        if kind == "zip":
            with zipfile.ZipFile(file) as archive:
                yield from _zip_parts(archive, label)
        elif kind == "tar":
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for info in tar:
                    stream = tar.extractfile(info) if info.isreg() and not _is_hidden(info.name) else None
                    if stream is not None:
                        yield Part(info.name, _chunks(stream, label))
        elif kind == "parquet":
            yield _table(file, label)
        else:
            with importlib.import_module(kind).open(file) as stream:  # gzip, bz2 or lzma
                path = PurePosixPath(name)
                inner = path.stem if path.suffix.lower() in (".gz", ".bz2", ".xz") else name
                yield Part(inner, _chunks(stream, label))


@contextmanager
def _readable(label: str) -> Iterator[None]:
    """Turns the errors of libraries that unpack a file into LeftOutErrors."""
    try:
        yield
    except CorpusError:
        raise
    except Exception as error:
        reason = one_line(str(error), 100) or type(error).__name__
        if "password" in str(error):  # zipfile's message begins with a long description of the file in the archive
            reason = "it is protected by a password"
        message = f"{label} cannot be unpacked ({reason}): it may be damaged; give the text inside"
        raise LeftOutError(message) from error


def _chunks(stream: IO[bytes], label: str) -> Iterator[bytes]:
    with _readable(label):
        yield from iter(partial(stream.read, CHUNK), b"")


def whole(chunks: Iterable[bytes], label: str) -> bytes:
    """Returns the bytes of a document; LeftOutError if there are too many to parse."""
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > _MAX_DOCUMENT:
            raise LeftOutError(f"{label} holds a document of more than {size_text(_MAX_DOCUMENT)}: split it")
    return bytes(data)


def _is_hidden(path: str) -> bool:
    """Returns whether a file in an archive is hidden, or one that macOS adds."""
    parts = [part for part in path.split("/") if part not in (".", "..")]
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


# --- zip archives, .docx and .epub


def _zip_parts(archive: zipfile.ZipFile, label: str) -> Iterator[Part]:
    names, text = archive.namelist(), None
    if _WORD in names:  # the paragraphs, a line each, as they are after all tracked changes
        elements = _xml_elements(archive, _WORD, label)
        text = "".join((each.text or "") if tag == "t" else _WORD_MARKS.get(tag, "") for tag, each in elements)
    elif _CONTAINER in names:
        text = "\n\n".join(_book_chapters(archive, label))
    if text is not None:
        yield Part("", [text.encode("utf-8", "replace")], is_text=True)
        return
    for info in archive.infolist():
        if not info.is_dir() and not _is_hidden(info.filename):
            with archive.open(info) as stream:
                yield Part(info.filename, _chunks(stream, label))


def _book_chapters(archive: zipfile.ZipFile, label: str) -> Iterator[str]:
    """Yields the text of each chapter of an .epub, in the order of reading; LeftOutError if it is encrypted."""

    def found(file: str, tag: str) -> list[ElementTree.Element]:
        return [each for name, each in _xml_elements(archive, file, label) if name == tag]

    book = next((each.get("full-path", "") for each in found(_CONTAINER, "rootfile")), "")
    paths = {each.get("id"): each.get("href", "") for each in found(book, "item")}
    encrypted = set()  # fonts often are
    if _ENCRYPTION in archive.namelist():
        encrypted = {unquote(each.get("URI", "")) for each in found(_ENCRYPTION, "CipherReference")}
    for reference in found(book, "itemref"):
        if href := unquote(paths.get(reference.get("idref"), "").partition("#")[0]):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(book), href))
            if path in encrypted:
                raise LeftOutError(f"{label} is encrypted (DRM): give a copy without protection, or its text")
            page = _read(archive, path, label)
            if text := page_text(page.decode(page_encoding(page) or "utf-8", "replace")):
                yield text


def _read(archive: zipfile.ZipFile, path: str, label: str) -> bytes:
    with archive.open(path) as stream:
        return whole(_chunks(stream, label), label)


def _xml_elements(archive: zipfile.ZipFile, path: str, label: str) -> Iterator[tuple[str, ElementTree.Element]]:
    """Yields (tag, element) for each element of an XML file when it ends."""
    # expat 2.4 limits what entities expand to, and ElementTree reads no file for one.
    for _, element in ElementTree.iterparse(io.BytesIO(_read(archive, path, label))):  # noqa: S314
        yield element.tag.rpartition("}")[2], element


# --- tables


def _table(file: IO[bytes], label: str) -> Part:
    """Returns the rows of a .parquet table: as JSON lines if it holds conversations, else their texts."""
    try:
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError:
        raise LeftOutError(f"{label} is a Parquet table, which pyarrow reads: pip install pyarrow") from None
    table = pyarrow.parquet.ParquetFile(file)
    names = list(table.schema_arrow.names)
    is_chat = any(name in names for name in _CHAT_COLUMNS)
    column = next((name for name in _TEXT_COLUMNS if name in names), names[0] if len(names) == 1 else None)
    if column is None and not is_chat:
        listed = one_line(", ".join(names), 200)
        raise LeftOutError(f"{label} has no column named text (it has {listed}): export its text to a plain text file")

    def lines() -> Iterator[bytes]:
        with _readable(label):
            for batch in table.iter_batches(batch_size=_ROWS, columns=names if is_chat else [column]):
                rows = batch.to_pylist() if is_chat else batch.column(0).to_pylist()
                texts = [json.dumps(row, ensure_ascii=False, default=str) if is_chat else row for row in rows]
                yield "".join(f"{text}\n" for text in texts if isinstance(text, str)).encode("utf-8", "replace")

    return Part("", lines(), is_text=not is_chat)


# --- web pages

_BREAKS = {
    *("address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "div", "dl", "dt"),
    *("figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li", "main", "ol", "option"),
    *("section", "summary", "table", "tbody", "tfoot", "thead", "title", "tr", "ul"),
}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre"}
_UNSEEN = {"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "nav", "select", "textarea"}
_CHARSET = re.compile(
    rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]{2,40})|<\?xml[^>]{0,200}encoding=[\"']([\w.:-]+)", re.IGNORECASE
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<[!?](?![dD][oO][cC])[^>]*(?:>|\Z)", re.DOTALL)
_OPEN_TAG = re.compile(r"<(?=[^<>]*(?:<|\Z))")  # the first character of a tag without an end


def page_encoding(page: bytes) -> str | None:
    """Returns the encoding that a web page names for itself in its first 4 kB; None if it names none, or UTF-8."""
    found = _CHARSET.search(page[:4096])
    return web_encoding((found[1] or found[2]).decode("ascii", "ignore")) if found else None


def page_text(page: str) -> str:
    """Returns what a reader of a web page sees, one line for each paragraph, without scripts, styles and navigation."""
    reader = _PageReader()
    # html.parser takes quadratic time, and more, for comments and tags without an end in Python 3.12 and older.
    reader.feed(_OPEN_TAG.sub("&lt;", _COMMENT.sub("", page)))
    reader.close()
    reader.end_line()
    return "\n".join(reader.lines).strip("\n") + "\n" if any(reader.lines) else ""


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._parts: list[str] = []  # of the next line
        self._unseen = self._preformatted = 0  # open elements

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._read_tag(tag, 1)

    def handle_endtag(self, tag: str) -> None:
        self._read_tag(tag, -1)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._parts.append(data)

    def _read_tag(self, tag: str, step: int) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen + step)
        if tag in ("td", "th"):
            self._parts.append(" ")
        if tag in _BREAKS or tag in _PARAGRAPHS:
            self.end_line()
        if tag in _PARAGRAPHS and self.lines and self.lines[-1]:
            self.lines.append("")
        if tag == "pre":
            self._preformatted = max(0, self._preformatted + step)

    def end_line(self) -> None:
        text = "".join(self._parts)
        self._parts.clear()
        if self._preformatted:
            self.lines += text.strip("\n").rstrip().split("\n") if text.strip() else []
        elif line := " ".join(text.split()):
            self.lines.append(line)
