"""Decodes the bytes of a file into text.

Text is UTF-8; or UTF-16 or UTF-32, recognised by a byte order mark or by NUL bytes; or another encoding, which the user
or the server names for files that are not UTF-8. Its code points stay as they are (no Unicode normalisation) with two
exceptions: a byte order mark at the start of a file is removed, and the line ends CRLF and CR become LF. Anything that
is not text is refused with a one-line message that says what it is.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, TypeVar

from model.terminal import one_line

from . import encodings
from .file_kinds import binary_data, binary_kind, wide_encoding

Errors = Literal["strict", "replace"]
T = TypeVar("T")

PIECE_BYTES = 1 << 20  # decoded at once


class CorpusError(ValueError):
    """A text cannot be read. The message is one line for the user: what is wrong, which text, what to do."""


class EncodingError(CorpusError):
    """A text is not UTF-8.

    Attributes:
        proposal: its likely encoding, and a line of the text in it; None if no encoding is likely.
    """

    def __init__(self, message: str, proposal: tuple[str, str] | None = None) -> None:
        super().__init__(message)
        self.proposal = proposal


class ReadingRecord(TypedDict):
    """The fields of a `Reading`, as a run saves them."""

    errors: str
    encoding: str | None
    merge_rare: bool


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The settings with which files are decoded.

    Attributes:
        errors: what to do with invalid bytes.
        encoding: the encoding of files that are not UTF-8; None refuses them.
        merge_rare: whether rare characters share one id, see `ids_file`.
    """

    errors: Errors = "strict"
    encoding: str | None = None
    merge_rare: bool = True

    def record(self) -> ReadingRecord:
        """Returns the fields, as a run saves them."""
        return {"errors": self.errors, "encoding": self.encoding, "merge_rare": self.merge_rare}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Reading:
        """Returns the settings that `record` returned; runs of older versions kept their rare characters."""
        encoding = record.get("encoding")
        return cls(
            errors="replace" if record.get("errors") == "replace" else "strict",
            encoding=encodings.codec_name(encoding) if isinstance(encoding, str) else None,
            merge_rare=record.get("merge_rare") is True,
        )


class NotTextError(CorpusError):
    """A file is not text but some other format."""

    def __init__(self, label: str, what: str, advice: str) -> None:
        super().__init__(f"{label} is not text but {what}: {advice}")


_UTF8_MARK = b"\xef\xbb\xbf"
_REPLACEMENT = "\ufffd".encode()


def decode(
    chunks: Iterable[bytes],
    label: str,
    errors: Errors = "strict",
    *,
    encoding: str | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[str, int]]:
    """Decodes the chunks of a file; removes a byte order mark and turns CRLF and CR into LF.

    Other separators (U+2028, U+0085, form feeds) are characters and stay.

    Args:
        chunks: the bytes of the file, cut anywhere.
        label: the name of the file in errors.
        errors: what to do with invalid bytes.
        encoding: the encoding of the file if it is not UTF-8.
        report: called with the encoding that is used if it is not UTF-8.

    Yields:
        (piece of text, number of places in it where U+FFFD replaced invalid bytes).

    Raises:
        NotTextError: the file is not text; pieces of it may have been yielded before.
        EncodingError: it is text in another encoding.
    """
    line_ends = io.IncrementalNewlineDecoder(None, translate=True)
    decoder = _Decoder(label, errors, encoding, report)
    for chunk, final in mark_last(_gathered(chunks)):
        text, replaced = decoder.decode(chunk, final)
        yield line_ends.decode(text, final), replaced


class _Decoder:
    """Decodes one file as UTF-8; from an invalid byte on in the given encoding, if only ASCII came before it."""

    def __init__(self, label: str, errors: Errors, encoding: str | None, report: Callable[[str], None]) -> None:
        self._label, self._errors, self._encoding, self._report = label, errors, encoding, report
        self._other: codecs.IncrementalDecoder | None = None  # of the encoding, once it is used
        self._name = ""
        self._rest = b""  # undecoded end of the last piece
        self._offset, self._line = 0, 1  # of the rest in the file
        self._is_ascii = True
        self._started = False

    def decode(self, chunk: bytes, final: bool) -> tuple[str, int]:
        """Returns the text of the next piece, and the number of its replacements."""
        if not self._started:
            self._started = True
            chunk = self._start(chunk)
        if self._other is not None:
            return self._decode_other(self._rest + chunk, final)
        if (nul := chunk.find(b"\0")) >= 0:
            raise NotTextError(self._label, *binary_data(self._offset + len(self._rest) + nul))
        raw = self._rest + chunk
        try:
            text, used = codecs.utf_8_decode(raw, "strict" if self._encoding else self._errors, final)
        except UnicodeDecodeError as error:
            if self._encoding is None or not self._is_ascii:
                line = self._line + raw.count(b"\n", 0, error.start)
                raise _not_utf8(raw, error.start, self._offset, line, self._label) from None
            self._use(self._encoding)
            return self._decode_other(raw, final)
        replaced = text.count("\ufffd") - raw.count(_REPLACEMENT, 0, used) if self._errors == "replace" else 0
        self._rest = raw[used:]
        self._offset += used
        self._line += raw.count(b"\n", 0, used)
        self._is_ascii = self._is_ascii and raw.isascii()
        return text, replaced

    def _start(self, beginning: bytes) -> bytes:
        """Returns the first piece without a mark, once its format and encoding are known."""
        if beginning.startswith(_UTF8_MARK):
            self._offset = len(_UTF8_MARK)
            self._encoding = None
            return beginning[len(_UTF8_MARK) :]
        if wide := wide_encoding(beginning):
            self._use(wide)
        elif kind := binary_kind(beginning):
            raise NotTextError(self._label, *kind)
        elif self._encoding and not encodings.extends_ascii(self._encoding):
            self._use(self._encoding)
        return beginning

    def _use(self, encoding: str) -> None:
        self._name = encoding
        self._other = codecs.getincrementaldecoder(encoding)(self._errors)
        self._rest = b""
        self._report(encoding)

    def _decode_other(self, raw: bytes, final: bool) -> tuple[str, int]:
        self._rest = b""
        try:
            text = self._other.decode(raw, final) if self._other else ""
            text.encode()  # in UTF-7 and in escapes, half of a surrogate pair is valid
        except UnicodeError as error:
            reason = str(error)  # such as: UTF-16 stream does not start with BOM
            if isinstance(error, UnicodeDecodeError):
                reason = f"{error.reason} at a byte 0x{error.object[error.start]:02X}"
            raise EncodingError(
                f"{self._label} is not {self._name}: {one_line(reason)}: give its --encoding, or use --errors replace, "
                "which writes U+FFFD for each invalid byte"
            ) from None
        if "\0" in text:
            raise NotTextError(self._label, *binary_data())
        return text, text.count("\ufffd") if self._errors == "replace" else 0


def _gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the same bytes in chunks of at least `PIECE_BYTES`: the first is long enough to recognise its format."""
    gathered: list[bytes] = []
    size = 0
    for chunk in chunks:
        gathered.append(chunk)
        size += len(chunk)
        if size >= PIECE_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if size:
        yield b"".join(gathered)


def mark_last(items: Iterable[T]) -> Iterator[tuple[T, bool]]:
    """Yields (item, whether it is the last)."""
    rest = iter(items)
    try:
        before = next(rest)
    except StopIteration:
        return
    for item in rest:
        yield before, False
        before = item
    yield before, True


def _not_utf8(raw: bytes, at: int, offset: int, line: int, label: str) -> EncodingError:
    """Returns the error for a text with an invalid byte.

    Args:
        raw: a part of the file.
        at: the place of the byte in it.
        offset: the place of the part in the file.
        line: the line of the byte in the file.
    """
    proposal = encodings.propose(raw, at)
    advice = "give its --encoding"
    if proposal:
        advice = f"it looks like {proposal[0]} (“{proposal[1]}”), try --encoding {proposal[0]}"
    return EncodingError(
        f"{label} is not UTF-8: byte 0x{raw[at]:02X} at byte offset {offset + at} (line {line}): {advice}, or use "
        "--errors replace, which writes U+FFFD for each invalid byte",
        proposal,
    )
