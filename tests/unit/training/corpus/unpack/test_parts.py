"""A file of each kind, made for the test: the text that is read, or why it is not, alone and in a folder."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow  # type: ignore[import-untyped]
import pytest
from pyarrow import parquet

from tests.support.corpus_errors import corpus_error
from training.corpus.decode import Errors, Reading
from training.corpus.reader import read_corpus
from training.corpus.unpack import limits
from training.corpus.unpack.web_pages import text_of

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
HAIKU = "An old silent pond\nA frog jumps into the pond\n"
GERMAN = "Grüße aus Köln, wo die Straße über den Fluss führt.\n"


def zipped(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: dict[str, str | bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return buffer.getvalue()


def encrypted_zip() -> bytes:
    raw = bytearray(zipped({"a.txt": "secret"}))
    raw[6] |= 1  # the flag of encryption, in the header of the file and in the directory
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def docx(body: str, before: str = "") -> bytes:
    xml = f'<?xml version="1.0"?>{before}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": xml, "word/media/1.png": PNG})


def epub(chapters: dict[str, str], encrypted: str = "") -> bytes:
    items = "".join(f'<item id="i{n}" href="{name}"/>' for n, name in enumerate(chapters))
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(chapters)))
    opf = f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest><spine>{spine}</spine></package>'
    container = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    files: dict[str, str | bytes] = {"mimetype": "application/epub+zip", "META-INF/container.xml": container}
    if encrypted:
        files["META-INF/encryption.xml"] = f'<e><CipherReference URI="{encrypted}"/></e>'
    pages = {f"OEBPS/{name}": f"<html><body>{page}</body></html>" for name, page in chapters.items()}
    return zipped({**files, "OEBPS/book.opf": opf, **pages})


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PAGE = (
    "<!DOCTYPE html><html><head><title>Pond</title><style>p{}</style></head><body><nav>menu</nav>"
    "<p>An old <b>silent</b>\n pond</p><script>x()</script><ul><li>one<li>two</ul>"
    "<pre>a\n  b</pre><p>A&nbsp;&lt;frog&gt;</body>"
)
PAGE_TEXT = "Pond\n\nAn old silent pond\n\none\ntwo\n\na\n  b\n\nA <frog>\n"


class Kind(NamedTuple):
    """A fixture: the name and the content of a file, and the text that is read; None if there is none."""

    name: str
    content: bytes
    text: str | None
    says: str = ""
    """A part of the warning, or of the error."""


KINDS = {
    "plain": Kind("a.txt", HAIKU.encode(), HAIKU),
    "Markdown": Kind("a.md", b"# Pond\n", "# Pond\n"),
    "source": Kind("a.py", b"print(1)\r\n", "print(1)\n"),
    "JSON": Kind("a.json", b'{"a": [1, 2]}\n', '{"a": [1, 2]}\n'),
    "CSV": Kind("a.csv", b"a,b\n1,2\n", "a,b\n1,2\n"),
    "no suffix": Kind("README", HAIKU.encode(), HAIKU),
    "UTF-8 with a mark": Kind("a.txt", b"\xef\xbb\xbf" + HAIKU.encode(), HAIKU),
    "UTF-16 LE with a mark": Kind("a.txt", GERMAN.encode("utf-16"), GERMAN, "is read as UTF-16"),
    "UTF-16 BE": Kind("a.txt", (GERMAN * 3).encode("utf-16-be"), GERMAN * 3, "is read as UTF-16BE"),
    "UTF-32": Kind("a.txt", GERMAN.encode("utf-32"), GERMAN, "is read as UTF-32"),
    "cp1252": Kind("a.txt", GERMAN.encode("cp1252"), None, "cp1252 (“Grüße aus Köln"),
    "Shift-JIS": Kind("a.txt", "吾輩は猫である。名前はまだ無い。\n".encode("cp932"), None, "cp932 (“吾輩は猫である"),
    "GB 18030": Kind(
        "a.txt", "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n".encode("gb18030"), None, "gb18030 (“床前"
    ),
    "KOI8-R": Kind("a.txt", "Война и мир. Он сказал, что это невозможно.\n".encode("koi8-r"), None, "koi8_r (“Война"),
    "gzip": Kind("a.txt.gz", gzip.compress(HAIKU.encode()), HAIKU),
    "bzip2": Kind("a.txt.bz2", bz2.compress(HAIKU.encode()), HAIKU),
    "xz": Kind("a.txt.xz", lzma.compress(HAIKU.encode()), HAIKU),
    "gzip, cut": Kind("a.txt.gz", gzip.compress(HAIKU.encode())[:-12], None, "cannot be unpacked"),
    "gzip, without a name": Kind("a", gzip.compress(HAIKU.encode()), HAIKU),
    "zip": Kind("a.zip", zipped({"b.txt": "b\n", "a.txt": "a\n", "c.png": PNG}), "b\n\na\n", "1 binary (c.png)"),
    "zip, hidden files": Kind("a.zip", zipped({"__MACOSX/._a.txt": "x", ".git/x": "x", "a.txt": HAIKU}), HAIKU),
    "zip, names that lead out": Kind("a.zip", zipped({"../../../a.txt": HAIKU, "/tmp/b.txt": "b"}), f"{HAIKU}\nb"),
    "zip, in a zip": Kind("a.zip", zipped({"b.zip": zipped({"a.txt": HAIKU})}), HAIKU),
    "zip, copies": Kind("a.zip", zipped({"a.txt": HAIKU, "b.txt": HAIKU}), HAIKU, "1 copy of another file (b.txt)"),
    "zip, encrypted": Kind("a.zip", encrypted_zip(), None, "protected by a password"),
    "zip, damaged": Kind("a.zip", zipped({"a.txt": HAIKU})[:-30], None, "cannot be unpacked"),
    "zip, cp1252 inside": Kind(
        "a.zip", zipped({"a.txt": HAIKU, "b.txt": GERMAN.encode("cp1252")}), HAIKU, "1 not UTF-8 (b.txt)"
    ),
    "tar": Kind("a.tar", tarred({"a.txt": HAIKU, "b.bin": b"\0"}), HAIKU, "1 binary (b.bin)"),
    "tar.gz": Kind("a.tar.gz", tarred({"x/a.txt": HAIKU, "x/b.txt": "b"}, "w:gz"), f"{HAIKU}\nb"),
    "tgz": Kind("a.tgz", tarred({"a.txt": HAIKU}, "w:gz"), HAIKU),
    "tar.xz": Kind("a.tar.xz", tarred({"a.txt": HAIKU}, "w:xz"), HAIKU),
    "7-Zip": Kind("a.7z", b"7z\xbc\xaf\x27\x1c\0\4", None, "a 7-Zip archive"),
    "RAR": Kind("a.rar", b"Rar!\x1a\x07\x01\x00", None, "a RAR archive"),
    "HTML": Kind("a.html", PAGE.encode(), PAGE_TEXT),
    "HTML, latin-1": Kind("a.htm", "<html><meta charset=latin-1><p>Grüße".encode("latin-1"), "Grüße\n"),
    "HTML, as source": Kind("a.txt", b"<html><p>x</html>", "<html><p>x</html>"),
    "docx": Kind(
        "a.docx",
        docx(
            "<w:p><w:r><w:t>An old</w:t><w:tab/><w:t>pond</w:t></w:r></w:p>"
            "<w:p><w:del>x</w:del><w:r><w:t>&lt;</w:t></w:r></w:p>"
        ),
        "An old\tpond\n<\n",
    ),
    "docx, entities": Kind("a.docx", docx("<w:p><w:t>&b;</w:t></w:p>", BOMB), None, "defines entities of its own"),
    "docx, a file of this machine": Kind(
        "a.docx", docx("<w:p><w:t>&a;</w:t></w:p>", OUTSIDE), None, "entities of its own"
    ),
    "epub": Kind("a.epub", epub({"z.xhtml": "<h1>One</h1><p>a</p>", "b c.xhtml": "<p>b</p>"}), "One\n\na\n\n\nb\n"),
    "epub, encrypted": Kind("a.epub", epub({"a.xhtml": "x"}, "OEBPS/a.xhtml"), None, "is encrypted (DRM)"),
    "Excel": Kind("a.xlsx", zipped({"xl/workbook.xml": "<x/>"}), None, "an Excel table"),
    "PDF": Kind("a.pdf", b"%PDF-1.7\n1 0 obj", None, "a PDF document"),
    "picture": Kind("a.png", PNG, None, "a PNG picture"),
    "NULs": Kind("a.dat", b"text\0text", None, "a NUL at byte 4"),
    "empty": Kind("a.txt", b"", None, "is empty"),
}


def saved(folder: Path, kind: Kind) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / kind.name).write_bytes(kind.content)
    return folder / kind.name


def test_there_are_40_kinds() -> None:
    assert len(KINDS) >= 40


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_file_of_each_kind(tmp_path: Path, kind: Kind) -> None:
    path = saved(tmp_path / "alone", kind)
    if kind.text is None:
        assert kind.says in corpus_error(path)
    else:
        corpus = read_corpus([str(path)])
        assert corpus.text == kind.text
        assert kind.says in "\n".join(corpus.warnings) if kind.says else corpus.warnings == ()
    saved(tmp_path / "alone", Kind("~other.txt", b"other", None))
    corpus = read_corpus([str(tmp_path / "alone")])  # beside another file, what cannot be read is left out
    assert corpus.text == ("other" if kind.text is None else f"{kind.text}\nother")
    assert kind.text is not None or corpus.warnings[0].startswith("left out of the text: 1 ")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "„Grüße“"),
        ("shift_jis", "吾輩は猫である"),
        ("gb18030", "床前明月光𠀀"),
        ("utf-7", "Grüße"),
        ("iso2022_jp", "吾輩は猫"),
    ],
)
def test_an_encoding_reads_what_is_not_utf8(tmp_path: Path, encoding: str, text: str) -> None:
    long = "ascii\r\n" * 200_000 + text
    (tmp_path / "a.txt").write_bytes(long.encode(encoding))
    corpus = read_corpus([str(tmp_path / "a.txt")], reading=Reading(encoding=encoding))
    assert corpus.text == long.replace("\r\n", "\n")
    assert corpus.warnings == (f"{tmp_path / 'a.txt'} is read as {encoding}",)


def test_an_encoding_leaves_utf8_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(GERMAN.encode())
    (tmp_path / "b.txt").write_bytes(GERMAN.encode("cp1252"))
    assert read_corpus([str(tmp_path)], reading=Reading(encoding="cp1252")).text == f"{GERMAN}\n{GERMAN}"
    (tmp_path / "b.txt").write_bytes(b"\x81")
    assert "b.txt is not cp1252" in corpus_error(tmp_path / "b.txt", reading=Reading(encoding="cp1252"))


@pytest.mark.parametrize("errors", ["strict", "replace"])
@pytest.mark.parametrize(
    ("encoding", "raw", "reason"),
    [
        ("utf-16", b"no mark\xff", "UTF-16 stream does not start with BOM"),
        ("utf-7", b"+2AA-", "surrogates not allowed"),
        ("undefined", b"any\xff", "undefined encoding"),
    ],
)
def test_a_text_that_a_codec_refuses_is_one_line(
    tmp_path: Path, errors: Errors, encoding: str, raw: bytes, reason: str
) -> None:
    """Codecs raise UnicodeErrors of other kinds, too, which ended in a traceback."""
    (tmp_path / "a.txt").write_bytes(raw)
    message = corpus_error(tmp_path / "a.txt", reading=Reading(errors=errors, encoding=encoding))
    assert f"a.txt is not {encoding}: " in message
    assert reason in message


def test_a_folder_lists_what_is_not_utf8_and_proposes_an_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"fine")
    (tmp_path / "b.txt").write_bytes(GERMAN.encode("cp1252"))
    assert read_corpus([str(tmp_path)]).warnings == (
        "left out of the text: 1 not UTF-8 (b.txt)",
        f"--encoding cp1252 may read what is not UTF-8: “{GERMAN.strip()[:60]}”",
    )


def test_equal_files_are_read_once(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt.gz", "d.txt"):
        (tmp_path / name).write_bytes(gzip.compress(HAIKU.encode()) if name.endswith("gz") else HAIKU.encode())
    (tmp_path / "d.txt").write_bytes(b"other")
    corpus = read_corpus([str(tmp_path)])
    assert corpus.text == f"{HAIKU}\nother"
    assert corpus.files == ("a.txt", "d.txt")
    assert corpus.locate(4) == ("d.txt", 1)
    assert corpus.warnings == ("left out of the text: 2 copies of other files (b.txt, c.txt)",)
    corpus = read_corpus([str(tmp_path / "a.txt"), str(tmp_path / "b.txt")])
    assert corpus.text == HAIKU
    assert "b.txt has the same content as " in corpus.warnings[0]


def bomb(make: Callable[[bytes], bytes], size: int) -> bytes:
    return make(bytes(size).replace(b"\0", b"a"))


@pytest.mark.parametrize("make", [gzip.compress, bz2.compress, lzma.compress, lambda raw: zipped({"a.txt": raw})])
def test_a_zip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[bytes], bytes]) -> None:
    monkeypatch.setattr(limits, "FREE_BYTES", 100_000)
    (tmp_path / "a.zip").write_bytes(bomb(make, 5_000_000))
    assert "unpacks to more than " in corpus_error(tmp_path / "a.zip")
    (tmp_path / "b.txt").write_bytes(b"fine")
    corpus = read_corpus([str(tmp_path)])
    assert corpus.text == "fine"
    assert corpus.warnings == ("left out of the text: 1 not unpacked (a.zip)",)


def test_a_copy_of_a_text_in_an_archive_that_is_left_out_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file was taken for a copy of one in the archive, whose texts had been removed again."""
    monkeypatch.setattr(limits, "FREE_BYTES", 100_000)
    (tmp_path / "a.zip").write_bytes(zipped({"a.txt": HAIKU, "b.txt": b"a" * 5_000_000}))
    (tmp_path / "c.txt").write_bytes(HAIKU.encode())
    corpus = read_corpus([str(tmp_path)])
    assert corpus.text == HAIKU
    assert corpus.warnings == ("left out of the text: 1 not unpacked (a.zip)",)


def test_archives_in_archives_end_at_a_depth(tmp_path: Path) -> None:
    content = zipped({"a.txt": "deep"})
    for _ in range(4):
        content = zipped({"a.zip": content})
    (tmp_path / "a.zip").write_bytes(content)
    assert "left out: 1 binary" in corpus_error(tmp_path / "a.zip")


def test_no_more_than_the_disk_has_room_for_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"ab" * 50_000))
    assert "is too large" in corpus_error(tmp_path / "a.gz", max_bytes=50_000)


def test_a_parquet_table_names_the_package_that_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # Python reports it as not installed
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + bytes(20) + b"PAR1")
    assert "a.parquet is a Parquet table, which pyarrow reads: pip install pyarrow" in corpus_error(
        tmp_path / "a.parquet"
    )


def test_parquet_tables_of_texts_and_of_conversations(tmp_path: Path) -> None:
    tables = {
        "texts": {"text": ["one\ntwo", None, "three"], "n": [1, 2, 3]},
        "pairs": {"prompt": ["Hi"], "completion": ["Hö"]},
        "numbers": {"n": [1], "m": [2]},
    }
    for name, columns in tables.items():
        parquet.write_table(pyarrow.table(columns), tmp_path / f"{name}.parquet")
    assert read_corpus([str(tmp_path / "texts.parquet")]).text == "one\ntwo\nthree\n"
    assert read_corpus([str(tmp_path / "pairs.parquet")]).text == '{"prompt": "Hi", "completion": "Hö"}\n'
    assert "has no column named text (it has n, m)" in corpus_error(tmp_path / "numbers.parquet")


@pytest.mark.parametrize(
    "page",
    [
        "<p>" * 50_000,
        "<" * 50_000,
        "&" * 50_000,
        "<!--" * 20_000,
        "<pre>\n" * 20_000,
        "<!" * 50_000,
        "<?" * 50_000,
        "</" * 50_000,
        "<a " * 50_000,
        "<a x='" * 20_000,
    ],
)
def test_odd_pages_end(page: str) -> None:
    assert len(text_of(page)) <= len(page) + 1
