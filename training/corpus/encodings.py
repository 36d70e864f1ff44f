"""Names of encodings: checks the name that a user or a server gives, and proposes one for a text that is not UTF-8."""

from __future__ import annotations

import codecs

from model.terminal import one_line

# WHATWG's Encoding Standard, which browsers follow: these labels mean the larger Windows code pages.
_WEB = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030"}
_ASCII = bytes(range(9, 14)) + bytes(range(32, 127))
# The encodings of most texts that are not UTF-8; without this list charset-normalizer proposes rare similar ones.
_LIKELY = [
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp437", "cp850"),
    *("shift_jis", "cp932", "euc_jp", "gb18030", "big5", "euc_kr", "cp949", "tis_620", "mac_roman", "iso8859_2"),
]
_WIDE = ("cp932", "shift_jis", "euc_jp", "gb18030", "big5", "cp949", "euc_kr")
_JAPANESE = ("cp932", "euc_jp")
_SAMPLE_LENGTH = 60  # characters of the line that is shown


def codec_name(name: str) -> str | None:
    """Returns Python's name of a text encoding; None if there is none of this name."""
    try:
        codec = codecs.lookup(name.strip())
    except (LookupError, ValueError):
        return None
    return codec.name if codec._is_text_encoding else None


def web_encoding(charset: str) -> str | None:
    """Returns the encoding that browsers use for a server's charset; None if it is unknown or UTF-8."""
    name = codec_name(charset) if charset else None
    return None if name in (None, "utf-8") else _WEB.get(name or "", name)


def extends_ascii(encoding: str) -> bool:
    """Returns whether text in ASCII is the same text in an encoding, unlike in UTF-16 or ISO-2022-JP."""
    try:
        return _ASCII.decode(encoding) == _ASCII.decode("ascii") and not encoding.startswith(("iso2022", "hz", "utf-7"))
    except UnicodeError:
        return False


def propose(raw: bytes, at: int) -> tuple[str, str] | None:
    """Returns (encoding, a sample line) for bytes that are not UTF-8; None if no encoding is likely.

    Args:
        raw: a part of the file.
        at: the place of the first invalid byte; the sample is its line.
    """
    begin = raw.rfind(b"\n", 0, at) + 1
    part = raw[max(0, begin - 20_000) : at + 40_000]
    encoding = next((name for name in _JAPANESE if _has_kana(part, name)), None) or _likely(part)
    if encoding is None:
        return None
    end = raw.find(b"\n", at)
    line = raw[begin : end if end >= 0 else len(raw)].decode(encoding, "replace")
    offset = len(raw[begin:at].decode(encoding, "replace"))
    start = max(0, offset - _SAMPLE_LENGTH // 2)
    return encoding, one_line(line[start : start + _SAMPLE_LENGTH].strip())


def _likely(part: bytes) -> str | None:
    """Returns the encoding that charset-normalizer finds most likely; None if it finds none."""
    from charset_normalizer import from_bytes

    found = from_bytes(part, cp_isolation=_LIKELY)
    if not found:
        return None
    clean = [each for each in found if each.chaos <= found[0].chaos + 0.01]
    names = [name for each in clean for name in (each.encoding, *each.could_be_from_charset)]
    # Among equally clean results: text is seldom valid in a two-byte encoding by chance, and cp1252 is the most common.
    return next((name for name in names if name in _WIDE), "cp1252" if "cp1252" in names else names[0])


def _has_kana(part: bytes, encoding: str) -> bool:
    """Returns whether a tenth of a text is hiragana, as in Japanese; bytes in other encodings seldom look like it."""
    text = part.decode(encoding, "replace")
    is_clean = text.count("\ufffd") <= 2  # the part may begin or end inside a character
    return is_clean and 10 * sum("\u3040" <= character <= "\u309f" for character in text) >= len(text)
