"""Bytes become text: line ends, byte order marks, encodings, invalid bytes, and the same text in any pieces."""

import random
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.corpus_errors import corpus_error
from training.corpus.decode import CorpusError, Errors, Reading, decode
from training.corpus.reader import read_corpus

GERMAN = "Grüße aus Köln, wo die Straße über den Fluss führt.\n"
RUSSIAN = "Быть или не быть, вот в чём вопрос.\n"
ASCII = "ascii\n" * 200_000  # more than one chunk
STRICT, REPLACE = Reading(), Reading(errors="replace")


def decoded(chunks: list[bytes], errors: Errors = "strict") -> str:
    return "".join(decode(chunks, "it", errors))


def encoded(text: str, encoding: str) -> tuple[bytes, Reading, str]:
    return text.encode(encoding), Reading(encoding=encoding), text


@pytest.mark.parametrize(
    ("raw", "reading", "text"),
    [
        (b"a\r\nb\rc\nd", STRICT, "a\nb\nc\nd"),
        (b"a\r\r\nb\n\r", STRICT, "a\n\nb\n\n"),
        (b"\xef\xbb\xbfa\n", STRICT, "a\n"),
        (b"\xef\xbb\xbf\xef\xbb\xbfa", STRICT, "\ufeffa"),
        ("a\u2028b\u0085c\x0bd e\u0301 \u00e9".encode(), STRICT, "a\u2028b\u0085c\x0bd e\u0301 \u00e9"),
        # Texts that begin almost like other formats.
        *((text.encode(), STRICT, text) for text in ("BZ", "PAR", "%PD", "{\\rt", "id,ftyp")),
        *(
            ((mark + RUSSIAN).encode(encoding), STRICT, RUSSIAN)
            for encoding, mark in (("utf-16", ""), ("utf-16-be", "\ufeff"), ("utf-32", ""), ("utf-32-be", "\ufeff"))
        ),
        encoded(ASCII + "„Grüße“", "cp1252"),
        encoded("caf\u00e9", "cp1252"),  # the beginning of a character in UTF-8, too
        encoded(ASCII + "吾輩は猫である", "shift_jis"),
        encoded("床前明月光𠀀", "gb18030"),
        encoded("hi", "utf-16-le"),
        encoded(ASCII + "Grüße", "utf-7"),
        encoded("吾輩は猫", "iso2022_jp"),
        (GERMAN.encode(), Reading(encoding="cp1252"), GERMAN),
        ("kept \ufffd, ".encode() + b"caf\xe9 \xed\xa0\x80!", REPLACE, "kept \ufffd, caf\ufffd \ufffd\ufffd\ufffd!"),
    ],
)
def test_the_text_of_a_file(tmp_path: Path, raw: bytes, reading: Reading, text: str) -> None:
    (tmp_path / "a.txt").write_bytes(raw)
    for source in (tmp_path / "a.txt", tmp_path):  # in a folder too: it is a text that the person wants
        corpus = read_corpus([str(source)], reading=reading)
        assert (corpus.text, corpus.warnings) == (text, ())


@pytest.mark.parametrize(
    ("raw", "reading", "message"),
    [
        (b"one\ncaf\xe9 au lait", STRICT, "is not UTF-8: byte 0xE9 in line 2: it looks like"),
        (b"\xef\xbb\xbf" + b"a\r\n" * 700_000 + b"\xe4\xb8", STRICT, "is not UTF-8: byte 0xE4 in line 700001"),
        (b"a\n\x81", Reading(encoding="cp1252"), "is not cp1252: byte 0x81 in line 2: give its"),
        # Codecs raise UnicodeErrors of other kinds, too, which ended in a traceback.
        (b"no mark\xff", Reading(encoding="utf-16", errors="replace"), "is not utf-16: UTF-16 stream does not start"),
        (b"+2AA-", Reading(encoding="utf-7"), "is not utf-7: 'utf-8' codec can't encode"),
    ],
)
def test_invalid_bytes_are_refused_with_their_place_and_the_option(
    tmp_path: Path, raw: bytes, reading: Reading, message: str
) -> None:
    (tmp_path / "a.txt").write_bytes(raw)
    error = corpus_error(tmp_path / "a.txt", reading=reading)
    assert message in error
    assert error.endswith("or use --errors replace, which writes U+FFFD for each invalid byte")


def test_decoding_in_pieces_equals_decoding_at_once() -> None:
    rng = random.Random(3)
    parts = [b"\r", b"\n", b"\r\n", b"a", "é".encode(), "中".encode(), "👩".encode()]
    broken = [b"\xe9", b"\xe4\xb8", b"\xf0\x9f", b"\x80", b"\xff"]
    for trial in range(600):
        raw = b"".join(rng.choice(parts + broken * (trial % 2)) for _ in range(rng.randrange(1, 40)))
        whole = raw.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        cuts = sorted(rng.choices(range(len(raw) + 1), k=5))
        chunks = [raw[start:end] for start, end in pairwise([0, *cuts, len(raw)])]
        assert decoded(chunks, "replace") == whole
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            with pytest.raises(CorpusError, match=f"byte 0x{raw[error.start]:02X} in line "):
                decoded(chunks)
        else:
            assert decoded(chunks) == whole


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", GERMAN),
        ("cp932", "吾輩は猫である。名前はまだ無い。\n"),
        ("gb18030", "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n"),
        ("koi8_r", "Война и мир. Он сказал, что это невозможно.\n"),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń\n"),
    ],
)
def test_the_likely_encoding_is_proposed(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "a.txt").write_bytes(b"ascii\n" + text.encode(encoding))
    assert f"it looks like {encoding} (“{text[:10]}" in corpus_error(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_bytes(b"fine")
    assert read_corpus([str(tmp_path)]).warnings == (
        f"left out of the text: 1 not UTF-8 but perhaps {encoding} (a.txt)",
    )
