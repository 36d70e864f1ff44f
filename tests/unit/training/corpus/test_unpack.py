"""A file of each kind, made for the test: the text that is read, or why it is not, alone and in a folder."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.corpus_errors import corpus_error
from training.corpus.chats.reader import ChatReader
from training.corpus.reader import read_corpus

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


def table(columns: dict[str, list[object]]) -> bytes:
    import pyarrow  # type: ignore[import-untyped]  # half a second, which processes with other tests must not wait
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


def encrypted_zip() -> bytes:
    raw = bytearray(zipped({"a.txt": "secret"}))
    raw[6] |= 1  # the flag of encryption, in the header of the file and in the directory
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


def docx(body: str, before: str = "") -> bytes:
    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    xml = f'<?xml version="1.0"?>{before}<w:document xmlns:w="{namespace}"><w:body>{body}</w:body></w:document>'
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


BOMB = f'<!DOCTYPE x [<!ENTITY a "{"ha" * 5000}"><!ENTITY b "{"&a;" * 5000}">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PARAGRAPHS = (
    "<w:p><w:r><w:t>An old</w:t><w:tab/><w:t>pond</w:t></w:r></w:p>"
    "<w:p><w:del>x</w:del><w:r><w:t>&lt;</w:t></w:r></w:p>"
)
PAGE = (
    "<!DOCTYPE html><html><head><title>Pond</title><style>p{}</style></head><body><nav>menu</nav>"
    "<p>An old <b>silent</b>\n pond</p><script>x()</script><ul><li>one<li>two</ul>"
    "<pre>a\n  b</pre><p>A&nbsp;&lt;frog&gt;</body>"
)
PAGE_TEXT = "Pond\n\nAn old silent pond\n\none\ntwo\n\na\n  b\n\nA <frog>\n"


class Kind(NamedTuple):
    """A fixture: a file, by its name and its content or columns, and the text that is read; None if there is none."""

    name: str
    content: bytes | dict[str, list[object]]
    text: str | None
    warning: str = ""
    """A part of the warning, or of the error."""


KINDS = {
    "source": Kind("a.py", b"print(1)\r\n", "print(1)\n"),
    "no suffix": Kind("README", HAIKU.encode(), HAIKU),
    "gzip": Kind("a.txt.gz", gzip.compress(HAIKU.encode()), HAIKU),
    "bzip2": Kind("a.txt.bz2", bz2.compress(HAIKU.encode()), HAIKU),
    "xz": Kind("a.txt.xz", lzma.compress(HAIKU.encode()), HAIKU),
    "gzip, cut": Kind("a.txt.gz", gzip.compress(HAIKU.encode())[:-12], None, "cannot be unpacked"),
    "gzip, HTML": Kind("a.html.gz", gzip.compress(PAGE.encode()), PAGE_TEXT),
    "zip": Kind("a.zip", zipped({"b.txt": "b\n", "a.txt": "a\n", "c.png": PNG}), "b\n\na\n", "1 binary (c.png)"),
    "zip, hidden files": Kind("a.zip", zipped({"__MACOSX/._a.txt": "x", ".git/x": "x", "a.txt": HAIKU}), HAIKU),
    "zip, names that lead out": Kind("a.zip", zipped({"../../../a.txt": HAIKU, "/tmp/b.txt": "b"}), f"{HAIKU}\nb"),
    "zip, in a zip": Kind("a.zip", zipped({"b.zip": zipped({"a.txt": HAIKU})}), HAIKU),
    "zip, encrypted": Kind("a.zip", encrypted_zip(), None, "protected by a password"),
    "zip, damaged": Kind("a.zip", zipped({"a.txt": HAIKU})[:-30], None, "cannot be unpacked"),
    "zip, cp1252": Kind("a.zip", zipped({"a": HAIKU, "b": GERMAN.encode("cp1252")}), HAIKU, "perhaps cp1252 (b)"),
    "tar": Kind("a.tar", tarred({"a.txt": HAIKU, "b.bin": b"\0"}), HAIKU, "1 binary (b.bin)"),
    "tar.gz": Kind("a.tar.gz", tarred({"x/a.txt": HAIKU, "x/b.txt": "b"}, "w:gz"), f"{HAIKU}\nb"),
    "HTML": Kind("a.html", PAGE.encode(), PAGE_TEXT),
    "HTML, cp1252 undeclared": Kind("a.htm", f"<html>{GERMAN}".encode("cp1252"), None, "try --encoding cp1252"),
    "HTML, as source": Kind("a.txt", b"<html><p>x</html>", "<html><p>x</html>"),
    "docx": Kind("a.docx", docx(PARAGRAPHS), "An old\tpond\n<\n"),
    "docx, entities": Kind("a.docx", docx("<w:t>&b;</w:t>", BOMB), None, "limit on input amplification"),
    "docx, a file of this machine": Kind("a.docx", docx("<w:t>&a;</w:t>", OUTSIDE), None, "undefined entity &a;"),
    "epub": Kind("a.epub", epub({"z.xhtml": "<h1>One</h1><p>a</p>", "b c.xhtml": "<p>b</p>"}), "One\n\na\n\n\nb\n"),
    "epub, encrypted": Kind("a.epub", epub({"a.xhtml": "x"}, "OEBPS/a.xhtml"), None, "is encrypted (DRM)"),
    "parquet": Kind("a.parquet", {"text": ["a\nb", None, "c"], "n": [1, 2, 3]}, "a\nb\nc\n"),
    "parquet, chat": Kind(
        "a.parquet", {"prompt": ["Hi"], "completion": ["Hö"]}, '{"prompt": "Hi", "completion": "Hö"}\n', "--chat"
    ),
    "parquet, numbers": Kind("a.parquet", {"n": [1], "m": [2]}, None, "no column named text (it has n, m)"),
    "parquet, damaged": Kind("a.parquet", b"PAR1" + bytes(20) + b"PAR1", None, "cannot be unpacked"),
    "PDF": Kind("a.txt", b"%PDF-1.7\n1 0 obj\n<< >>\nendobj", None, "is not text but a PDF document"),
    "PNG": Kind("a.txt", PNG, None, "is not text but binary data"),
    "JPEG": Kind("a.txt", b"\xff\xd8\xff\xe0\0\x10JFIF\0", None, "binary data"),
    "RTF": Kind("a.txt", b"{\\rtf1\\ansi Some text.}", None, "an RTF or old Office document"),
    "Git LFS": Kind("a.txt", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", None, "a Git LFS pointer"),
    "a NUL": Kind("a.txt", "some text, then\0 a NUL".encode("utf-16"), None, "it has a NUL"),
    "Excel": Kind("a.xlsx", zipped({"xl/workbook.xml": "<x/>"}), None, "an Office document"),
    "wheel": Kind("a.whl", zipped({"a.py": "pass"}), None, "a zip archive: unpack it"),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_file_of_each_kind(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / kind.name
    path.write_bytes(kind.content if isinstance(kind.content, bytes) else table(kind.content))
    if kind.text is None:
        assert kind.warning in corpus_error(path)
    else:
        corpus = read_corpus([str(path)])
        assert corpus.text == kind.text
        assert kind.warning in "\n".join(corpus.warnings) if kind.warning else corpus.warnings == ()
    (tmp_path / "~other.txt").write_bytes(b"other")
    corpus = read_corpus([str(tmp_path)])  # beside another file, what cannot be read is left out
    assert corpus.text == ("other" if kind.text is None else f"{kind.text}\nother")
    assert kind.text is not None or corpus.warnings[0].startswith("left out of the text: 1 ")


def test_a_damaged_chat_is_left_out_and_equal_chats_are_counted_once(tmp_path: Path) -> None:
    ada = "Ada: Hi\nBo: Hi"
    (tmp_path / "a.zip").write_bytes(zipped({"a.txt": ada}))
    (tmp_path / "c.txt").write_text(ada)
    (tmp_path / "d.jsonl").write_text('{"name": "Eve", "text": "Hello"}\n{"name": "Cy", "te')
    chat = ChatReader()
    corpus = read_corpus([str(tmp_path)], chat=chat)
    assert corpus.text == "A: Hi\n\nB: Hi\n"
    assert (corpus.files, chat.speakers) == (("a.txt",), {"Ada": 1, "Bo": 1})
    left_out = "1 equal to another file (c.txt), 1 without messages (d.jsonl)"
    assert corpus.warnings == (f"left out of the text: {left_out}",)
