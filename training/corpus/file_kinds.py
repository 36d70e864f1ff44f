"""Recognises what is not plain text in UTF-8 from the first bytes of a file: other formats, UTF-16 and UTF-32."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import NamedTuple

SNIFFED_BYTES = 8192  # beginning of a file that is needed to recognise all formats below

_UNPACK = "unpack it and give the text inside"
_SAVE_AS_TEXT = "save it as plain text (.txt, UTF-8) and give that"
_EXPORT = "export its text column to a plain text file and give that"
_GIVE_TEXT = "give a plain text file"
_PAGES = (".html", ".htm", ".xhtml")
# Zip archives that hold no text of their own.
_PROGRAMS = (".jar", ".apk", ".whl", ".npz", ".pt", ".pth", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".keras", ".kmz")


class Kind(NamedTuple):
    """A file format that is not plain text."""

    what: str  # in words, with an article
    advice: str  # what the user should do if the file cannot be read
    unpack: str = ""  # how the module `unpack` reads it; "" if it does not


# The first expression that matches the beginning of a file wins.
_KINDS = [
    (re.compile(pattern, re.DOTALL), Kind(what, advice, *unpack))
    for pattern, what, advice, *unpack in (
        (rb"\x1f\x8b", "a gzip archive", _UNPACK, "gzip"),
        (rb"BZh", "a bzip2 archive", _UNPACK, "bz2"),
        (rb"\xfd7zXZ\0", "an xz archive", _UNPACK, "lzma"),
        (rb".{257}ustar", "a tar archive", _UNPACK, "tar"),
        (rb"PK\x03\x04.{0,4096}xl/", "an Excel table (.xlsx)", _EXPORT),
        (rb"PK\x03\x04.{0,4096}ppt/", "a PowerPoint document (.pptx)", _SAVE_AS_TEXT),
        (rb"PK\x03\x04.{0,200}application/vnd\.oasis\.opendocument", "an OpenDocument file", _SAVE_AS_TEXT),
        (rb"PK\x03\x04.*/data\.pkl", "a PyTorch pickle (a model's weights)", _GIVE_TEXT),
        (rb"PK\x03\x04", "a zip archive", _UNPACK, "zip"),  # also .docx and .epub
        (rb"PAR1", "a Parquet table", _EXPORT, "parquet"),
        (rb"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
        (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
        (rb"Rar!\x1a\x07", "a RAR archive", _UNPACK),
        (rb"%PDF-", "a PDF document", "extract its text, for example with pdftotext, and give that"),
        (rb"\{\\rtf", "an RTF document", _SAVE_AS_TEXT),
        (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document", _SAVE_AS_TEXT),
        (rb"SQLite format 3\0|ARROW1\0", "a database or a table (SQLite, Arrow)", _EXPORT),
        (rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a", "a picture (PNG, JPEG or GIF)", _GIVE_TEXT),
        (rb"OggS\0|ID3[\x03\x04]|.{4}ftyp", "a recording or a video (Ogg, MP3 or MP4)", _GIVE_TEXT),
        (rb"\x80[\x02-\x05]|\x93NUMPY|\x89HDF\r\n", "an object or an array (pickle, NumPy or HDF5)", _GIVE_TEXT),
        (rb'.{5}\0\0\0\{"|.{8}\{"__metadata__"', "a safetensors file (a model's weights)", _GIVE_TEXT),
        (rb"version https://git-lfs\.", "a Git LFS pointer, not the file itself", "download the file (git lfs pull)"),
    )
]
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,400}>\s*)?(?:<!--.{0,4000}?-->\s*)*<(?:!doctype html|html|head|body)\b",
    re.DOTALL | re.IGNORECASE,
)

_WIDE = (("UTF-32LE", 4, 3), ("UTF-32BE", 4, 0), ("UTF-16LE", 2, 1), ("UTF-16BE", 2, 0))  # bytes of a unit; the highest
# Longest first: the byte order mark of UTF-32-LE begins with that of UTF-16-LE.
_WIDE_MARKS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def file_kind(head: bytes, name: str) -> Kind | None:
    """Returns what a file is; None for plain text.

    Args:
        head: its first 8 kB.
        name: its base name. HTML counts as a web page only in a file of such a name; elsewhere it may be source code.
    """
    suffix = PurePosixPath(name.lower()).suffix
    if suffix in _PAGES and _PAGE.match(head):
        return Kind("a web page", _SAVE_AS_TEXT, "html")
    if wide_encoding(head) is not None:
        return None
    found = next((kind for pattern, kind in _KINDS if pattern.match(head)), None)
    if found is not None:
        return found._replace(unpack="") if found.unpack == "zip" and suffix in _PROGRAMS else found
    return binary_data(head.find(b"\0")) if b"\0" in head else None


def binary_data(nul: int | None = None) -> Kind:
    """Returns the kind of a file with a NUL, at the byte `nul` if that is known."""
    place = "" if nul is None else f" at byte {nul}"
    return Kind(f"binary data (a NUL{place})", f"{_GIVE_TEXT}, or remove the NUL characters")


def wide_encoding(head: bytes) -> str | None:
    """Returns `UTF-16…` or `UTF-32…` if a byte order mark or NUL bytes show text in that encoding; else None."""
    if marked := next((encoding for mark, encoding in _WIDE_MARKS.items() if head.startswith(mark)), None):
        return marked
    sample = head[:4096]
    for encoding, width, high in _WIDE if b"\0" in sample else ():
        units = sample[: len(sample) // width * width]
        # The highest byte of a unit is NUL for spaces and Latin letters, and one number per alphabet for others.
        highest = Counter(units[high::width])
        count = highest.total()
        if count and highest[0] * 10 >= count and sum(n for _, n in highest.most_common(2)) * 10 >= count * 8:
            text = units.decode(encoding, "replace")
            odd = sum(not (c.isprintable() or c in "\n\r\t\f\ufeff") or c == "\ufffd" for c in text)
            if odd * 20 <= len(text):
                return encoding
    return None
