"""Bytes to text: what `training.corpus` does with each file once its bytes are here.

Knows no files, addresses or options but the name of one, `--errors`. Text is UTF-8. Its code points stay as
they are (no Unicode normalisation) with two exceptions: a byte order mark at the start of a file goes, and the
line ends CRLF and CR become LF. Whatever is not text is refused with one line that says what it is instead.
"""

from __future__ import annotations

import codecs
import io
from collections import Counter
from typing import Literal

Errors = Literal["strict", "replace"]

SNIFFED_BYTES = 8192  # as much of a file as `binary_kind` needs to see to know every format below
_PIECE_BYTES = 1 << 20


class CorpusError(ValueError):
    """A text that a person named cannot be had. The message is one line: what, which, and what to do next."""


def shown(text: str, limit: int = 200) -> str:
    """`text` as a message may show it: on one line, printable, and not endless."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[: limit + 1])
    return line if len(line) <= limit else line[: limit - 1] + "…"


_UNPACK = "unpack it and give the text inside"
_SAVE_AS_TEXT = "save it as plain text (.txt, UTF-8) and give that"
_EXPORT = "export its text column to a plain text file and give that"
_GIVE_TEXT = "give a plain text file"

# (offset, magic bytes, what it is, what to do). The first that fits wins.
_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"%PDF-", "a PDF document", "extract its text first (pdftotext FILE.pdf FILE.txt)"),
    (0, b"{\\rtf", "an RTF document", _SAVE_AS_TEXT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document", _SAVE_AS_TEXT),
    (0, b"\x89PNG\r\n", "a PNG picture", _GIVE_TEXT),
    (0, b"\xff\xd8\xff", "a JPEG picture", _GIVE_TEXT),
    (0, b"GIF87a", "a GIF picture", _GIVE_TEXT),
    (0, b"GIF89a", "a GIF picture", _GIVE_TEXT),
    (0, b"OggS\x00", "an Ogg recording", _GIVE_TEXT),
    (0, b"ID3\x03", "an MP3 recording", _GIVE_TEXT),
    (0, b"ID3\x04", "an MP3 recording", _GIVE_TEXT),
    (4, b"ftyp", "an MP4 film or recording", _GIVE_TEXT),
    (0, b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (0, b"PAR1", "a Parquet table", _EXPORT),
    (0, b"ARROW1\x00", "an Arrow table", _EXPORT),
    (0, b"\x93NUMPY", "a NumPy array", _GIVE_TEXT),
    (0, b"\x89HDF\r\n", "an HDF5 file", _GIVE_TEXT),
    (0, b"\x7fELF", "a program", _GIVE_TEXT),
    (8, b'{"__metadata__"', "a safetensors file (a model's weights)", _GIVE_TEXT),
    (0, b"version https://git-lfs.", "a Git LFS pointer, not the file itself", "fetch the file (git lfs pull)"),
)

# What is told apart by names inside the archive: (bytes to look for, what it is, what to do).
_IN_ZIP: tuple[tuple[bytes, str, str], ...] = (
    (b"word/", "a Word document (.docx)", _SAVE_AS_TEXT),
    (b"xl/", "an Excel table (.xlsx)", _EXPORT),
    (b"ppt/", "a PowerPoint document (.pptx)", _SAVE_AS_TEXT),
    (b"application/epub+zip", "an EPUB book", _SAVE_AS_TEXT),
    (b"application/vnd.oasis.opendocument", "an OpenDocument file", _SAVE_AS_TEXT),
    (b"/data.pkl", "a PyTorch pickle (a model's weights)", _GIVE_TEXT),
)

# Longest first: the mark of UTF-16-LE is the beginning of UTF-32-LE's.
_WIDE_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_UTF8_MARK = b"\xef\xbb\xbf"


def wide_encoding(raw: bytes | bytearray) -> str | None:
    """`UTF-16…` or `UTF-32…` if these bytes are text in it, by their mark or by where their NULs are."""
    for mark, encoding in _WIDE_MARKS:
        if raw.startswith(mark):
            return encoding
    sample = bytes(raw[:4096])
    sample = sample[: len(sample) // 4 * 4] or sample[: len(sample) // 2 * 2]
    if b"\0" not in sample:
        return None
    for encoding in ("UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE"):
        width = int(encoding[4:6]) // 8
        # The highest byte of each unit is NUL in spaces and Latin letters, and in letters their alphabet's number.
        high = Counter(sample[width - 1 if encoding.endswith("LE") else 0 :: width])
        units = len(sample) // width
        alphabets = sum(count for _, count in high.most_common(2))
        if (
            len(sample) % width == 0
            and high[0] * 10 >= units
            and alphabets * 10 >= units * 8
            and _reads_well(sample, encoding)
        ):
            return encoding
    return None


def _reads_well(sample: bytes, encoding: str) -> bool:
    # A cut surrogate pair at the sample's end is one replacement in thousands; binary data is full of them.
    text = sample.decode(encoding, errors="replace")
    odd = sum(not (c.isprintable() or c in "\n\r\t\f\ufeff") or c == "\ufffd" for c in text)
    return odd * 20 <= len(text)


def binary_kind(raw: bytes | bytearray) -> tuple[str, str] | None:
    """(what it is, what to do) if these bytes, or the file that begins with them, are no text at all."""
    if wide_encoding(raw) is not None:
        return None
    if raw.startswith(b"PK\x03\x04"):
        for inside, what, advice in _IN_ZIP:
            if inside in raw:
                return what, advice
        return "a zip archive", _UNPACK
    for offset, magic, what, advice in _MAGIC:
        if raw.startswith(magic, offset):
            return what, advice
    if _is_safetensors(raw):
        return "a safetensors file (a model's weights)", _GIVE_TEXT
    if raw[:1] == b"\x80" and raw[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "a Python pickle", _GIVE_TEXT
    nul = raw.find(b"\0")
    if nul >= 0:
        return f"binary data (a NUL at byte {nul})", f"{_GIVE_TEXT}, or take the NULs out (tr -d '\\000')"
    return None


def _is_safetensors(raw: bytes | bytearray) -> bool:
    # Eight bytes of length, then a JSON header. The length's upper bytes are zero, which no text has.
    return raw.startswith(b'{"', 8) and raw[5:8] == b"\0\0\0"


def decode(raw: bytes | bytearray, label: str, errors: Errors = "strict") -> str:
    """The text in `raw`: no byte order mark, CRLF and CR made LF. CorpusError calls the file `label`.

    Other separators (U+2028, U+0085, form feeds) are characters and stay.
    """
    encoding = wide_encoding(raw)
    if encoding is not None:
        raise CorpusError(
            f"{label} is {encoding}, and text is read as UTF-8: "
            f"convert it (iconv -f {encoding} -t UTF-8 OLD.txt > NEW.txt) and give the new file"
        )
    kind = binary_kind(raw)
    if kind is not None:
        raise CorpusError(f"{label} is not text but {kind[0]}: {kind[1]}")
    # In pieces: to decode it whole would take three times the room of the text for a moment.
    at = len(_UTF8_MARK) if raw.startswith(_UTF8_MARK) else 0
    line_ends = io.IncrementalNewlineDecoder(None, translate=True)
    pieces: list[str] = []
    while at < len(raw):
        final = at + _PIECE_BYTES >= len(raw)
        try:
            text, used = codecs.utf_8_decode(raw[at : at + _PIECE_BYTES], errors, final)
        except UnicodeDecodeError as error:
            raise _not_utf8(raw, at + error.start, label) from None  # it would keep the piece alive
        pieces.append(line_ends.decode(text, final))
        at += used
    return "".join(pieces)


def _not_utf8(raw: bytes | bytearray, offset: int, label: str) -> CorpusError:
    line = raw.count(b"\n", 0, offset) + 1
    return CorpusError(
        f"{label} is not UTF-8: byte 0x{raw[offset]:02X} at byte offset {offset} (line {line}): "
        "convert it (iconv -f LATIN1 -t UTF-8 OLD.txt > NEW.txt), or go on with --errors replace, "
        "which writes U+FFFD in such places"
    )
