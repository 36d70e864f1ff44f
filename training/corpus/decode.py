"""Decodes the bytes of a file into text.

Text is UTF-8; or UTF-16 or UTF-32, recognised by a byte order mark; or another encoding, which the user or the server
names for files that are not UTF-8. Its code points stay as they are (no Unicode normalisation) with two exceptions: a
byte order mark at the start of a file is removed, and the line ends CRLF and CR become LF. For a text in another
encoding, the error names the likely one and shows a line in it.
"""

from __future__ import annotations

import codecs
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from model.terminal import one_line

Errors = Literal["strict", "replace"]
T = TypeVar("T")

CHUNK = 1 << 20  # bytes of a file that are read and decoded at once
_UTF8 = "UTF-8"
# Files with a NUL: pictures, recordings, weights of models, databases.
_BINARY = ("binary data (it has a NUL)", "give a plain text file, or remove the NUL characters")
UNREADABLE = "unreadable"  # the reason of a LeftOutError
_SAMPLE_LENGTH = 60  # characters of the line that is shown
# WHATWG's Encoding Standard, which browsers follow: these labels mean the larger Windows code pages.
_WEB = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030"}
_WIDE = ("cp932", "euc_jp", "gb18030", "big5", "cp949")  # encodings of two bytes
# Longest first: the byte order mark of UTF-32-LE begins with that of UTF-16-LE.
_MARKS = {codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32", codecs.BOM_UTF8: "UTF-8-SIG"}
_MARKS |= {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
# The encodings of most texts that are not UTF-8; without this list charset-normalizer proposes rare similar ones.
_LIKELY = [
    *(*_WIDE, "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("cp437", "cp850", "tis_620", "mac_roman", "iso8859_2"),
]


class CorpusError(ValueError):
    """A text cannot be read. The message is one line for the user: what is wrong, which text, what to do."""


class LeftOutError(CorpusError):
    """A file cannot be read; one that the user did not name is left out of the text, and listed with the `reason`."""

    def __init__(self, message: str, reason: str = UNREADABLE) -> None:
        super().__init__(message)
        self.reason = reason


def not_text(label: str, what: str, advice: str) -> LeftOutError:
    """Returns the error for a file that is not text."""
    return LeftOutError(f"{label} is not text but {what}: {advice}", "binary")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The settings with which files are decoded."""

    errors: Errors = "strict"  # what to do with invalid bytes
    encoding: str | None = None  # the encoding of files that are not UTF-8; None refuses them
    merge_rare: bool = True  # whether rare characters share one id, see `ids_file`


def codec_name(name: str) -> str | None:
    """Returns Python's name of a text encoding; None if there is none of this name."""
    try:
        "".encode(name.strip())  # fails for codecs that are no encoding of text, such as hex
        return codecs.lookup(name.strip()).name
    except (LookupError, ValueError):
        return None


def web_encoding(charset: str) -> str | None:
    """Returns the encoding that browsers use for a charset in a header or a page; None if it is unknown or UTF."""
    name = codec_name(charset) or "utf-8"
    return None if name.startswith("utf") else _WEB.get(name, name)


def decode(
    chunks: Iterable[bytes], label: str, errors: Errors = "strict", encoding: str | None = None
) -> Iterator[str]:
    """Yields the text in the chunks of a file, without a byte order mark, with CRLF and CR as LF.

    Other separators (U+2028, U+0085, form feeds) are characters and stay.

    Args:
        chunks: the bytes of the file. The first one has 4 bytes, or all of the file.
        encoding: the encoding of the file if it is not UTF-8.

    Raises:
        LeftOutError: the file has a NUL, or is text in another encoding; pieces of it may have been yielded before.
    """
    line_ends = io.IncrementalNewlineDecoder(None, translate=True)
    name, line = _UTF8, 1
    decoder = codecs.getincrementaldecoder(name)(errors)
    for number, (chunk, final) in enumerate(mark_last(chunks)):
        before = name
        if number == 0:
            if marked := next((each for mark, each in _MARKS.items() if chunk.startswith(mark)), None):
                name, encoding = marked, None
            elif encoding and not _extends_ascii(encoding):
                name, encoding = encoding, None
        if encoding and not chunk.isascii():  # the first such chunk shows whether the file is UTF-8
            name, encoding = name if _is_utf8(chunk, final) else encoding, None
        if name != before:
            decoder = codecs.getincrementaldecoder(name)(errors)
        try:
            text = decoder.decode(chunk, final)
            text.encode()  # in UTF-7 and in escapes, half of a surrogate pair is valid
        except UnicodeError as error:
            if b"\0" in chunk and _extends_ascii(name):
                raise not_text(label, *_BINARY) from error
            raise _encoding_error(error, label, name.removesuffix("-SIG"), line) from error
        if "\0" in text:
            raise not_text(label, *_BINARY)
        text = line_ends.decode(text, final)
        line += text.count("\n")
        yield text


def mark_last(items: Iterable[T]) -> Iterator[tuple[T, bool]]:
    """Yields (item, whether it is the last)."""
    last: Any = object()
    for item, after in itertools.pairwise(itertools.chain(items, [last])):
        yield item, after is last


def _extends_ascii(encoding: str) -> bool:
    """Returns whether text in ASCII is the same text in an encoding, unlike in UTF-16 or ISO-2022-JP."""
    ascii_bytes = bytes(range(9, 14)) + bytes(range(32, 127))
    same = ascii_bytes.decode(encoding, "replace") == ascii_bytes.decode("ascii")
    return same and not encoding.startswith(("iso2022", "hz", "utf-7"))


def _is_utf8(chunk: bytes, final: bool) -> bool:
    try:
        codecs.utf_8_decode(chunk, "strict", final)
    except UnicodeDecodeError:
        return False
    return True


def _encoding_error(error: UnicodeError, label: str, name: str, line: int) -> LeftOutError:
    """Returns the error for a text with an invalid byte; `line` is that of what could not be decoded.

    For a text that is not UTF-8, it has the likely encoding, and the line of the byte in it.
    """
    place, reason, advice = one_line(str(error)), "not UTF-8", "give its --encoding"  # another kind of UnicodeError
    if isinstance(error, UnicodeDecodeError):
        raw, at = error.object, error.start
        line += raw[:at].decode(name, "replace").count("\n")
        place = f"byte 0x{raw[at]:02X} in line {line}"
        begin = raw.rfind(b"\n", 0, at) + 1
        near = raw[max(0, begin - 20_000) : at + 40_000]
        if name == _UTF8 and (encoding := _likely_encoding(near)):
            start = max(0, len(raw[begin:at].decode(encoding, "replace")) - _SAMPLE_LENGTH // 2)
            whole_line = raw[begin:].partition(b"\n")[0].decode(encoding, "replace")
            sample = one_line(whole_line[start : start + _SAMPLE_LENGTH].strip())
            reason = f"not UTF-8 but perhaps {encoding}"
            advice = f"it looks like {encoding} (“{sample}”), try --encoding {encoding}"
    return LeftOutError(
        f"{label} is not {name}: {place}: {advice}, or use --errors replace, which writes U+FFFD for each invalid byte",
        reason,
    )


def _likely_encoding(part: bytes) -> str | None:
    """Returns the likely encoding of a part of a file that is not UTF-8; None if none is likely."""
    from charset_normalizer import from_bytes

    for encoding in _WIDE[:2]:  # charset-normalizer takes it for Korean; other texts seldom have a tenth of hiragana
        text = part.decode(encoding, "replace")
        # Two replacements, because the part may begin or end inside a character.
        if text.count("\ufffd") <= 2 and 10 * len(re.findall("[\u3040-\u309f]", text)) >= len(text):
            return encoding
    found = from_bytes(part, cp_isolation=_LIKELY)
    names = [name for each in found if each.chaos <= found[0].chaos + 0.01 for name in each.could_be_from_charset]
    # Text is seldom valid in an encoding of two bytes by chance, and cp1252 is the most common of the others.
    names.sort(key=lambda name: (name not in _WIDE, name != "cp1252"))
    return names[0] if names else None
