"""Recognises files that are not plain text from their first bytes."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import NamedTuple

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
    unpack: str = ""  # how the module `unpack` reads it; "" if it does not


# Of files with a NUL in the place of text: pictures, recordings, weights of models, databases.
BINARY = Kind("binary data (it has a NUL)", "give a plain text file, or remove the NUL characters")
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
        head: its first 8 kB.
        name: its base name. HTML counts as a web page only in a file of such a name; elsewhere it may be source code.
    """
    suffix = PurePosixPath(name.lower()).suffix
    if suffix in _PAGES and _PAGE.match(head):
        return Kind("a web page", _SAVE_AS_TEXT, "html")
    found = next((kind for pattern, kind in _KINDS if pattern.match(head)), None)
    return found._replace(unpack="") if found and found.unpack == "zip" and suffix in _PROGRAMS else found
