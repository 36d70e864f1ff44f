"""Bytes become text: line ends, byte order marks, encodings, invalid bytes, and the same text in any pieces."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.corpus_errors import corpus_error
from training.corpus.decode import CorpusError, Errors, Reading, decode
from training.corpus.reader import read_corpus

GERMAN = "Grüße aus Köln, wo die Straße über den Fluss führt.\n"
REPLACE = Reading(errors="replace", merge_rare=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.txt"


def decoded(chunks: list[bytes], errors: Errors = "strict") -> str:
    return "".join(text for text, _, _ in decode(chunks, "it", errors))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a\r\nb\rc\nd", "a\nb\nc\nd"),
        (b"a\r\r\nb\n\r", "a\n\nb\n\n"),
        (b"\xef\xbb\xbfa\n", "a\n"),
        (b"\xef\xbb\xbf\xef\xbb\xbfa", "\ufeffa"),
        ("a\u2028b\u0085c\x0bd e\u0301 \u00e9".encode(), "a\u2028b\u0085c\x0bd e\u0301 \u00e9"),
    ],
)
def test_line_ends_become_lf_and_one_byte_order_mark_is_removed(raw: bytes, text: str) -> None:
    assert decoded([raw]) == text


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
            with pytest.raises(CorpusError, match=f"at byte offset {error.start} "):
                decoded(chunks)
        else:
            assert decoded(chunks) == whole


def test_text_that_is_not_utf8_is_refused_with_its_offset_and_the_option(path: Path) -> None:
    cases = [
        (b"one\ncaf\xe9 au lait", "byte 0xE9 at byte offset 7 (line 2)"),
        (b"\xef\xbb\xbf" + b"a\r\n" * 700_000 + b"\xe4\xb8", "byte offset 2100003 (line 700001)"),  # a cut character
        (b"a\xed\xa0\x80b", "byte offset 1 "),  # a surrogate, which UTF-8 does not have
    ]
    for raw, place in cases:
        path.write_bytes(raw)
        message = corpus_error(path)
        assert "a.txt is not UTF-8: byte 0x" in message
        assert place in message
        assert "--errors replace" in message


def test_errors_replace_writes_u_fffd_and_counts_it(path: Path) -> None:
    path.write_bytes("kept \ufffd, ".encode() + b"caf\xe9 \xed\xa0\x80!")
    corpus = read_corpus([str(path)], reading=REPLACE)
    assert corpus.text == "kept \ufffd, caf\ufffd \ufffd\ufffd\ufffd!"
    assert corpus.warnings == (f"{path} is not UTF-8: 4 invalid byte sequences became U+FFFD",)
    path.write_bytes(b"fine")
    assert read_corpus([str(path)], reading=REPLACE).warnings == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["To be, or not to be:\n" * 9, "Быть или не быть, вот в чём вопрос.\n" * 9, "hi\n"])
def test_utf16_and_utf32_are_read(path: Path, encoding: str, text: str) -> None:
    path.write_bytes(text.encode(encoding))
    for source in (path, path.parent):  # in a folder too: it is a text that the person wants
        corpus = read_corpus([str(source)])
        assert corpus.text == text
        assert corpus.warnings[0].startswith(f"{path} is read as {encoding[:6].upper()}")


@pytest.mark.parametrize("text", ["BZ", "MZ is a code", "PAR", "ID3", "GIF8", "%PD", "{\\rt", "\x7f", "PK", "id,ftyp"])
def test_short_and_unusual_texts_are_read(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
    assert read_corpus([str(path)]).text == text


def test_any_bytes_give_a_text_or_a_one_line_error(path: Path) -> None:
    rng = random.Random(11)
    heads = [b"", b"\xff\xfe", b"\xef\xbb\xbf", b"PK\x03\x04", b"\x1f\x8b", b"\x80\x04", b"%PDF-"]
    for _ in range(150):
        body = bytes(rng.choice((rng.randrange(256), 10, 13, 97)) for _ in range(rng.randrange(60)))
        raw = rng.choice(heads) + body
        path.write_bytes(raw)
        try:
            text = read_corpus([str(path)]).text
        except CorpusError as error:
            assert str(error).isprintable()  # noqa: PT017 - either outcome is fine
        else:
            wide = raw.startswith(b"\xff\xfe") or b"\0" in raw
            assert wide or text == raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
            assert "\0" not in text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "„Grüße“"),
        ("shift_jis", "吾輩は猫である"),
        ("gb18030", "床前明月光𠀀"),
        ("utf-7", "Grüße"),
        ("iso2022_jp", "吾輩は猫"),
        ("utf-16-le", "床前明月光"),
    ],
)
def test_an_encoding_reads_what_is_not_utf8(path: Path, encoding: str, text: str) -> None:
    long = "ascii\r\n" * (200_000 if encoding != "utf-16-le" else 0) + text
    path.write_bytes(long.encode(encoding))
    corpus = read_corpus([str(path)], reading=Reading(encoding=encoding))
    assert corpus.text == long.replace("\r\n", "\n")
    assert corpus.warnings == (f"{path} is read as {encoding}",)


def test_an_encoding_leaves_utf8_as_it_is(path: Path) -> None:
    path.write_bytes(GERMAN.encode())
    other = path.with_name("b.txt")
    other.write_bytes(b"caf\xe9")  # the beginning of a character in UTF-8, too
    reading = Reading(encoding="cp1252")
    assert read_corpus([str(path.parent)], reading=reading).text == f"{GERMAN}\ncafé"
    other.write_bytes(b"a\n\x81")
    assert "b.txt is not cp1252: byte 0x81 at byte offset 2 (line 2)" in corpus_error(other, reading=reading)


@pytest.mark.parametrize("errors", ["strict", "replace"])
@pytest.mark.parametrize(
    ("encoding", "raw", "reason"),
    [
        ("utf-16", b"no mark\xff", "UTF-16 stream does not start with BOM"),
        ("utf-7", b"+2AA-", "surrogates not allowed"),
    ],
)
def test_a_text_that_a_codec_refuses_is_one_line(
    path: Path, errors: Errors, encoding: str, raw: bytes, reason: str
) -> None:
    """Codecs raise UnicodeErrors of other kinds, too, which ended in a traceback."""
    path.write_bytes(raw)
    message = corpus_error(path, reading=Reading(errors=errors, encoding=encoding))
    assert f"a.txt is not {encoding}: " in message
    assert reason in message


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", GERMAN),
        ("cp932", "吾輩は猫である。名前はまだ無い。\n"),
        ("euc_jp", "吾輩は猫である。名前はまだ無い。\n"),
        ("gb18030", "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n"),
        ("cp949", "나는 학교에 갑니다. 오늘은 날씨가 아주 좋습니다.\n"),
        ("koi8_r", "Война и мир. Он сказал, что это невозможно.\n"),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń\n"),
    ],
)
def test_the_likely_encoding_is_proposed(path: Path, encoding: str, text: str) -> None:
    path.write_bytes(b"ascii\n" + text.encode(encoding))
    assert f"it looks like {encoding} (“{text[:10]}" in corpus_error(path)
    path.with_name("b.txt").write_bytes(b"fine")
    assert read_corpus([str(path.parent)]).warnings == (
        "left out of the text: 1 not UTF-8 (a.txt)",
        f"--encoding {encoding} may read what is not UTF-8: “{text.strip()[:60]}”",
    )
