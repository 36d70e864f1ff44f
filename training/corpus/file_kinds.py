"""Recognises files that are not text, and text in UTF-16 or UTF-32, from their first bytes."""

from __future__ import annotations

from collections import Counter

SNIFFED_BYTES = 8192  # beginning of a file that is needed to recognise all formats below

_UNPACK = "unpack it and give the text inside"
_SAVE_AS_TEXT = "save it as plain text (.txt, UTF-8) and give that"
_EXPORT = "export its text column to a plain text file and give that"
_GIVE_TEXT = "give a plain text file"

# (offset, magic bytes, what it is, what to do). The first match wins.
_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"%PDF-", "a PDF document", "extract its text, for example with pdftotext, and give that"),
    (0, b"{\\rtf", "an RTF document", _SAVE_AS_TEXT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document", _SAVE_AS_TEXT),
    (0, b"\x89PNG\r\n", "a PNG picture", _GIVE_TEXT),
    (0, b"\xff\xd8\xff", "a JPEG picture", _GIVE_TEXT),
    (0, b"GIF87a", "a GIF picture", _GIVE_TEXT),
    (0, b"GIF89a", "a GIF picture", _GIVE_TEXT),
    (0, b"OggS\x00", "an Ogg recording", _GIVE_TEXT),
    (0, b"ID3\x03", "an MP3 recording", _GIVE_TEXT),
    (0, b"ID3\x04", "an MP3 recording", _GIVE_TEXT),
    (4, b"ftyp", "an MP4 video or recording", _GIVE_TEXT),
    (0, b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (0, b"PAR1", "a Parquet table", _EXPORT),
    (0, b"ARROW1\x00", "an Arrow table", _EXPORT),
    (0, b"\x93NUMPY", "a NumPy array", _GIVE_TEXT),
    (0, b"\x89HDF\r\n", "an HDF5 file", _GIVE_TEXT),
    (0, b"\x7fELF", "a program", _GIVE_TEXT),
    (8, b'{"__metadata__"', "a safetensors file (a model's weights)", _GIVE_TEXT),
    (0, b"version https://git-lfs.", "a Git LFS pointer, not the file itself", "download the file (git lfs pull)"),
)

# Formats recognised by a file name inside the archive: (bytes to search for, what it is, what to do).
_IN_ZIP: tuple[tuple[bytes, str, str], ...] = (
    (b"word/", "a Word document (.docx)", _SAVE_AS_TEXT),
    (b"xl/", "an Excel table (.xlsx)", _EXPORT),
    (b"ppt/", "a PowerPoint document (.pptx)", _SAVE_AS_TEXT),
    (b"application/epub+zip", "an EPUB book", _SAVE_AS_TEXT),
    (b"application/vnd.oasis.opendocument", "an OpenDocument file", _SAVE_AS_TEXT),
    (b"/data.pkl", "a PyTorch pickle (a model's weights)", _GIVE_TEXT),
)

# Longest first: the byte order mark of UTF-32-LE begins with that of UTF-16-LE.
_WIDE_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


def wide_encoding(raw: bytes | bytearray) -> str | None:
    """Returns `UTF-16…` or `UTF-32…` if a byte order mark or NUL bytes show text in that encoding; else None."""
    for mark, encoding in _WIDE_MARKS:
        if raw.startswith(mark):
            return encoding
    sample = bytes(raw[:4096])
    sample = sample[: len(sample) // 4 * 4] or sample[: len(sample) // 2 * 2]
    if b"\0" not in sample:
        return None
    for encoding in ("UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE"):
        width = int(encoding[4:6]) // 8
        # The highest byte of a unit is NUL for spaces and Latin letters, and one number per alphabet for others.
        high = Counter(sample[width - 1 if encoding.endswith("LE") else 0 :: width])
        units = len(sample) // width
        most_common = sum(count for _, count in high.most_common(2))
        if (
            len(sample) % width == 0
            and high[0] * 10 >= units
            and most_common * 10 >= units * 8
            and _is_mostly_printable(sample, encoding)
        ):
            return encoding
    return None


def _is_mostly_printable(sample: bytes, encoding: str) -> bool:
    # A surrogate pair cut at the end of the sample is one replacement in thousands; binary data has many.
    text = sample.decode(encoding, errors="replace")
    odd = sum(not (c.isprintable() or c in "\n\r\t\f\ufeff") or c == "\ufffd" for c in text)
    return odd * 20 <= len(text)


def binary_kind(raw: bytes | bytearray) -> tuple[str, str] | None:
    """Returns (what it is, what to do) if a file that begins with these bytes is not text, else None."""
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
    if raw[:1] == b"\x80" and raw[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):  # protocols 2 to 5
        return "a Python pickle", _GIVE_TEXT
    nul = raw.find(b"\0")
    return binary_data(nul) if nul >= 0 else None


def binary_data(nul: int | None = None) -> tuple[str, str]:
    """Returns (what it is, what to do) for a file with a NUL, at the byte `nul` if that is known."""
    place = "" if nul is None else f" at byte {nul}"
    return f"binary data (a NUL{place})", f"{_GIVE_TEXT}, or remove the NUL characters"


def _is_safetensors(raw: bytes | bytearray) -> bool:
    # Eight bytes of length, then a JSON header. The upper bytes of the length are zero, which no text has.
    return raw.startswith(b'{"', 8) and raw[5:8] == b"\0\0\0"
