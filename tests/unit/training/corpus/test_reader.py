"""Local texts: which files are read, in which order, how bytes are decoded, and the error for each bad input."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import random
import re
import stat
import subprocess
import sys
import tempfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.support.corpus_errors import corpus_error
from tests.support.platforms import posix_only
from training.corpus.decode import CorpusError, Errors, Reading, decode
from training.corpus.reader import Corpus, check_length, read_corpus

REPLACE = Reading(errors="replace", merge_rare=False)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def texts(corpus: Corpus) -> list[str]:
    return corpus.text.split("\n")


# files


def test_a_file_is_read_unchanged(tmp_path: Path) -> None:
    content = "  two words\n\n\tÆsop, 中文, 👩‍👩‍👧, e\u0301, \u2028, \x0c\n"
    write(tmp_path, {"my text.txt": content.encode()})
    corpus = read_corpus([str(tmp_path / "my text.txt")])
    assert corpus.text == content
    assert corpus.name == "my-text"
    assert corpus.files == ("my text.txt",)
    assert corpus.characters == len(content)
    assert corpus.sha256 == hashlib.sha256(content.encode()).hexdigest()
    assert corpus.warnings == ()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a\r\nb\rc\nd", "a\nb\nc\nd"),
        (b"a\r\r\nb\n\r", "a\n\nb\n\n"),
        (b"\xef\xbb\xbfa\n", "a\n"),
        (b"\xef\xbb\xbf\xef\xbb\xbfa", "\ufeffa"),
        ("a\u2028b\u0085c\x0bd".encode(), "a\u2028b\u0085c\x0bd"),
        ("e\u0301 \u00e9".encode(), "e\u0301 \u00e9"),
    ],
)
def test_line_ends_become_lf_and_one_byte_order_mark_is_removed(tmp_path: Path, raw: bytes, text: str) -> None:
    assert read_corpus([str(write(tmp_path, {"a.txt": raw}) / "a.txt")]).text == text


def test_files_are_joined_by_one_line_end_in_the_order_typed(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": b"\xef\xbb\xbfone", "b.txt": b"two\n", "c.txt": b"\xef\xbb\xbfthree\r\n"})
    corpus = read_corpus([str(tmp_path / name) for name in ("b.txt", "c.txt", "a.txt")])
    assert corpus.text == "two\n\nthree\n\none"
    assert corpus.files == ("b.txt", "c.txt", "a.txt")
    assert corpus.name == "b-and-2-more"


def test_a_line_is_located_in_its_file(tmp_path: Path) -> None:
    rng = random.Random(5)
    pieces = {f"{i}.txt": f"{i}" + "".join(rng.choice("ab\n") for _ in range(rng.randint(1, 9))) for i in range(9)}
    write(tmp_path, {name: text.encode() for name, text in pieces.items()})
    corpus = read_corpus([str(tmp_path)])
    expected = [(name, i + 1, line) for name, text in pieces.items() for i, line in enumerate(text.split("\n"))]
    lines = corpus.text.split("\n")
    assert [(*corpus.locate(i + 1), line) for i, line in enumerate(lines)] == expected


def test_the_text_files_of_a_folder_are_sorted_and_the_others_counted(tmp_path: Path) -> None:
    write(
        tmp_path / "books",
        {
            "b.txt": b"b",
            "a/z.md": b"az",
            "a/b/c.txt": b"abc",
            "a.txt": b"a",
            "picture.txt": b"\x89PNG\r\n\x1a\n\x00\x00",
            "late.bin": b"x" * 20_000 + b"\0",
            "nothing.txt": b"",
            ".hidden": b"h",
            ".git/config": b"h",
            ".git/deep/er": b"h",
        },
    )
    corpus = read_corpus([str(tmp_path / "books")])
    assert texts(corpus) == ["abc", "az", "a", "b"]
    assert corpus.files == ("c.txt", "z.md", "a.txt", "b.txt")
    assert corpus.name == "books"
    assert corpus.warnings == ("left out of the text: 2 hidden, 2 binary (picture.txt, late.bin), 1 empty",)


@posix_only
def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    write(tmp_path, {"data/a.txt": b"a", "data/parts/b.txt": b"b"})
    (tmp_path / "data" / "more").symlink_to(tmp_path / "data" / "parts")
    (tmp_path / "data" / "circle").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "nowhere").symlink_to(tmp_path / "missing")
    os.mkfifo(tmp_path / "data" / "pipe")
    corpus = read_corpus([str(tmp_path / "data")])
    assert texts(corpus) == ["a", "b"]
    assert corpus.warnings == ("left out of the text: 1 binary (pipe), 1 broken link (nowhere)",)


@posix_only
@pytest.mark.parametrize("typed", ["data", "data/*", "data/*.txt", "data/**", "data/docs/*"])
def test_links_that_lead_out_of_a_folder_are_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    """A cloned folder may link to private files of this machine."""
    write(tmp_path, {"data/a.txt": b"a", "data/c/d.txt": b"d", "secret/diary.txt": b"s", "data-2/e.txt": b"e"})
    (tmp_path / "data" / "docs").symlink_to("../secret")
    (tmp_path / "data" / "b.txt").symlink_to("../secret/diary.txt")
    (tmp_path / "data" / "near.txt").symlink_to("../data-2/e.txt")
    (tmp_path / "data" / "inside.txt").symlink_to("c/d.txt")
    monkeypatch.chdir(tmp_path)
    if typed == "data/docs/*":  # this folder was named
        assert texts(read_corpus([typed])) == ["s"]
        return
    corpus = read_corpus([typed])
    assert set(texts(corpus)) == {"a", "d"}
    (warning,) = [line for line in corpus.warnings if "left out" in line]
    assert " that lead out of the folder" in warning or " that leads out of the folder" in warning


@posix_only
def test_a_folder_of_links_alone_says_why_it_holds_no_text(tmp_path: Path) -> None:
    write(tmp_path, {"secret/diary.txt": b"s", "data/.x": b""})
    (tmp_path / "data" / "docs").symlink_to("../secret")
    with pytest.raises(CorpusError, match=r"left out: 1 hidden, 1 link that leads out of the folder"):
        read_corpus([str(tmp_path / "data")])


def test_a_glob_matches_each_file_once_and_whole_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a1.txt": b"1", "a2.txt": b"2", "b.txt": b"3", "d/x.txt": b"4", "d/e/y.txt": b"5", "d/z": b"\0"})
    monkeypatch.chdir(tmp_path)
    assert texts(read_corpus(["a?.txt"])) == ["1", "2"]
    assert texts(read_corpus([str(tmp_path / "*.txt")])) == ["1", "2", "3"]
    assert read_corpus(["d/*.txt"]).name == "d"
    for pattern in ("d/**", "d/*", "**/d"):
        corpus = read_corpus([pattern])
        assert sorted(texts(corpus)) == ["4", "5"]
        assert corpus.warnings == ("left out of the text: 1 binary (z)",)
    assert texts(read_corpus(["**/*.txt"])) == ["1", "2", "3", "5", "4"]


def test_an_existing_file_whose_name_looks_like_a_glob_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"a[1].txt": b"one", "a1.txt": b"other"})
    assert read_corpus([str(tmp_path / "a[1].txt")]).text == "one"


def test_a_file_that_is_given_twice_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": b"a", "b.txt": b"b"})
    corpus = read_corpus([str(tmp_path / "b.txt"), str(tmp_path), str(tmp_path / "a.txt")])
    assert texts(corpus) == ["b", "a"]
    assert len([line for line in corpus.warnings if "was given twice" in line]) == 2


def test_a_path_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(write(tmp_path, {"a.txt": b"home"})))
    assert read_corpus(["~/a.txt"]).text == "home"
    assert "there is no file" in corpus_error("~no-such-user-here/a.txt")


def test_the_current_folder_is_named_after_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "plays", {"a.txt": b"a", "act/b.txt": b"b"})
    monkeypatch.chdir(tmp_path / "plays" / "act")
    assert read_corpus([".."]).name == "plays"
    monkeypatch.chdir(tmp_path / "plays")
    assert read_corpus(["."]).name == "plays"
    assert read_corpus(["*.txt"]).name == "plays"


def test_a_corpus_holds_no_local_path(tmp_path: Path) -> None:
    write(tmp_path / "secret-place", {"a.txt": b"a", "d/b.txt": b"b"})
    corpus = read_corpus([str(tmp_path / "secret-place" / "d"), str(tmp_path / "secret-place" / "a.txt")])
    assert "secret-place" not in repr(corpus)
    assert "text" not in repr(corpus).replace(".txt", "")


@contextlib.contextmanager
def standard_input(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with io.TextIOWrapper(io.BytesIO(content)) as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", stream)
        yield


def test_a_dash_reads_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with standard_input(b"\xef\xbb\xbfa\r\nb", monkeypatch):
        corpus = read_corpus(["-"])
    assert (corpus.text, corpus.name, corpus.files) == ("a\nb", "stdin", ("stdin",))
    assert "can be read only once" in corpus_error("-", "-")
    with standard_input(b"", monkeypatch):
        assert corpus_error("-").startswith("standard input is empty")
    monkeypatch.setattr(sys, "stdin", None)
    assert "no standard input" in corpus_error("-")


def test_a_pipe_can_be_given_as_a_file() -> None:
    code = "from training.corpus.reader import read_corpus; print(ascii(read_corpus(['/dev/stdin']).text))"
    done = subprocess.run([sys.executable, "-c", code], input=b"x\r\ny", capture_output=True, check=True)
    assert done.stdout.strip() == b"'x\\ny'"


def test_without_sources_the_text_is_the_documentation_of_python() -> None:
    from pydoc_data.topics import topics

    corpus = read_corpus()
    assert corpus.name == "python-docs"
    assert corpus.files == ("python-docs",)
    assert corpus == read_corpus([])
    assert corpus.characters > 300_000
    assert all(text in corpus.text for text in topics.values())
    assert corpus.text.startswith(topics[min(topics)])
    assert corpus.warnings == ()


def test_the_text_does_not_depend_on_the_locale(tmp_path: Path) -> None:
    write(tmp_path, {"é.txt": "é\n".encode(), "Z.txt": b"Z", "a.txt": b"a"})
    code = f"from training.corpus.reader import read_corpus; print(read_corpus([{str(tmp_path)!r}]).sha256)"
    for locale in ("C", "C.UTF-8"):
        environment = {**os.environ, "LC_ALL": locale, "PYTHONUTF8": "0"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        assert done.stdout.decode().strip() == hashlib.sha256("Z\na\né\n".encode()).hexdigest()


def decoded(chunks: list[bytes], errors: Errors = "strict") -> str:
    return "".join(text for text, _ in decode(chunks, "it", errors))


def test_decoding_in_pieces_equals_decoding_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    parts = [b"\r", b"\n", b"\r\n", b"a", "é".encode(), "中".encode(), "👩".encode()]
    broken = [b"\xe9", b"\xe4\xb8", b"\xf0\x9f", b"\x80", b"\xff"]
    for trial in range(600):
        raw = b"".join(rng.choice(parts + broken * (trial % 2)) for _ in range(rng.randrange(1, 40)))
        monkeypatch.setattr("training.corpus.decode.PIECE_BYTES", rng.randint(4, 50))
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


# errors


@posix_only
@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [
        ("shakespaere.txt", "is it shakespeare.txt?"),
        ("plays/hamlet", "is it plays/Hamlet.txt?"),
        ("bundled:bible", "bundled:bible is a model, not a text: to train from it, use --from bundled:bible"),
        ("ghost.txt", "check the name"),  # a common suffix makes no two names similar
        ("user/name", "hf://datasets/user/name"),
        ("www.gutenberg.org/x.txt", "write https://www.gutenberg.org/x.txt"),
        ("localhost.local:80/x", "write https://localhost.local:80/x"),
        ("shakespeare.txt/a", "shakespeare.txt/a"),
        ("broken.txt", "broken.txt is a link to a file that does not exist"),
    ],
)
def test_missing_files_are_refused_with_a_suggestion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, suggestion: str
) -> None:
    monkeypatch.chdir(write(tmp_path, {"shakespeare.txt": b"a", "plays/Hamlet.txt": b"a", "zh.txt": b"a"}))
    (tmp_path / "broken.txt").symlink_to(tmp_path / "missing")
    message = corpus_error(typed)
    assert suggestion in message
    assert message.endswith("?") == suggestion.endswith("?")


def test_a_glob_without_matches_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no file matches *.md" in corpus_error("*.md")


@pytest.mark.parametrize("source", ["", "  ", "a\0b", "x" * 5000, "ftp://host/a", "s3://bucket/a", "a\nb", "\udcff"])
def test_an_invalid_source_is_refused_in_one_line(source: str) -> None:
    assert len(corpus_error(source)) < 500


def test_a_folder_without_text_is_refused_with_what_was_left_out(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    write(tmp_path / "full", {"a.bin": b"\0\1", ".b": b"x", "c.txt": b""})
    assert f"{empty} holds no text: " in corpus_error(empty)
    assert "holds no text (left out: 1 hidden, 1 binary (a.bin), 1 empty)" in corpus_error(tmp_path / "full")
    assert "holds no text" in corpus_error(write(tmp_path / "fine", {"a.txt": b"a"}), empty)


def test_empty_files_are_refused_unless_another_has_text(tmp_path: Path) -> None:
    write(tmp_path, {"empty.txt": b"", "mark.txt": b"\xef\xbb\xbf", "a.txt": b"a"})
    assert "empty.txt is empty" in corpus_error(tmp_path / "empty.txt")
    assert "mark.txt is empty" in corpus_error(tmp_path / "mark.txt")
    assert "all the given files are empty" in corpus_error(tmp_path / "empty.txt", tmp_path / "mark.txt")
    corpus = read_corpus([str(tmp_path / name) for name in ("empty.txt", "a.txt")])
    assert corpus.text == "a"
    assert "empty.txt is empty" in corpus.warnings[0]


@contextlib.contextmanager
def as_a_user_without_rights() -> Iterator[Path]:
    """Yields a folder with unreadable files; permissions count even if the tests run as root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "locked").mkdir()
        write(folder, {"locked.txt": b"a", "locked/a.txt": b"a", "open.txt": b"a"})
        (folder / "locked.txt").chmod(0)
        (folder / "locked").chmod(0)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            (folder / "locked").chmod(stat.S_IRWXU)


def test_unreadable_files_are_refused_and_left_out_of_folders() -> None:
    with as_a_user_without_rights() as folder:
        for name in ("locked.txt", "locked", "locked/a.txt"):
            assert "cannot be read (Permission denied)" in corpus_error(folder / name)
        for name in ("*.txt", ""):
            corpus = read_corpus([str(folder / name)])
            assert corpus.text == "a"
            assert re.fullmatch(r"left out of the text: \d unreadable \(locked.*\)", corpus.warnings[0])
        assert read_corpus([str(folder / "open.txt")]).text == "a"


@posix_only
def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")
    assert "loop.txt cannot be read" in corpus_error(tmp_path / "loop.txt")
    write(tmp_path, {"a.txt": b"ab"})
    assert read_corpus([str(tmp_path)]).warnings == ("left out of the text: 1 unreadable (loop.txt)",)


def test_text_that_is_not_utf8_is_refused_with_its_offset_and_the_option(tmp_path: Path) -> None:
    path = write(tmp_path, {"latin.txt": b"one\ncaf\xe9 au lait"}) / "latin.txt"
    message = corpus_error(path)
    assert "latin.txt is not UTF-8: byte 0xE9 at byte offset 7 (line 2)" in message
    assert "--errors replace" in message
    path.write_bytes(b"\xef\xbb\xbf" + b"a" * 100_000 + b"\xe4\xb8")  # cut in the middle of a character
    assert "byte offset 100003" in corpus_error(path)
    path.write_bytes(b"a\xed\xa0\x80b")  # a surrogate, which UTF-8 does not have
    assert "byte offset 1 " in corpus_error(path)


def test_errors_replace_writes_u_fffd_and_counts_it(tmp_path: Path) -> None:
    path = write(tmp_path, {"a.txt": "kept \ufffd, ".encode() + b"caf\xe9 \xed\xa0\x80!"}) / "a.txt"
    corpus = read_corpus([str(path)], reading=REPLACE)
    assert corpus.text == "kept \ufffd, caf\ufffd \ufffd\ufffd\ufffd!"
    assert corpus.warnings == (f"{path} is not UTF-8: 4 invalid byte sequences became U+FFFD",)
    path.write_bytes(b"fine")
    assert read_corpus([str(path)], reading=REPLACE).warnings == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["To be, or not to be:\n" * 9, "Быть или не быть, вот в чём вопрос.\n" * 9, "hi\n"])
def test_utf16_and_utf32_are_read(tmp_path: Path, encoding: str, text: str) -> None:
    path = write(tmp_path, {"wide.txt": text.encode(encoding)}) / "wide.txt"
    for source in (path, tmp_path):  # in a folder too: it is a text that the person wants
        corpus = read_corpus([str(source)])
        assert corpus.text == text
        assert corpus.warnings[0].startswith(f"{path} is read as {encoding[:6].upper()}")


def archive(inside: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, content in inside.items():
            zipped.writestr(name, content)
    return buffer.getvalue()


def safetensors_file(metadata: dict[str, str] | None) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file({"weight": torch.ones(4)}, path, metadata=metadata)
        return path.read_bytes()


def pytorch_file() -> bytes:
    buffer = io.BytesIO()
    torch.save({"weight": torch.ones(4)}, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"%PDF-1.7\n1 0 obj\n<< >>\nendobj", "PDF"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "PNG"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG"),
        (b"{\\rtf1\\ansi Some text.}", "RTF"),
        (safetensors_file(None), "safetensors"),
        (safetensors_file({"format": "pt"}), "safetensors"),
        (pytorch_file(), "pickle"),
        (pickle.dumps({"a": [1, 2, 3]}), "pickle"),
        (b"SQLite format 3\0" + bytes(84), "SQLite"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}", "NumPy"),
        (b"\x7fELF\x02\x01\x01\x00", "program"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"),
        (b"some text, then\0 a NUL", "a NUL at byte 15"),
        ("some text, then\0 a NUL".encode("utf-16"), "binary data (a NUL): "),
        (random.Random(1).randbytes(5000), "a NUL at byte"),
        (bytes(5000), "a NUL at byte 0"),
    ],
)
def test_other_formats_are_refused_by_name(tmp_path: Path, content: bytes, name: str) -> None:
    path = write(tmp_path, {"mistake.txt": content}) / "mistake.txt"
    for reading in (Reading(), REPLACE):
        message = corpus_error(path, reading=reading)
        assert message.startswith(f"{path} is not text but ")
        assert name in message
    write(tmp_path, {"fine.txt": b"fine"})
    assert read_corpus([str(tmp_path)]).text == "fine"


@pytest.mark.parametrize("text", ["BZ", "MZ is a code", "PAR", "ID3", "GIF8", "%PD", "{\\rt", "\x7f", "PK", "id,ftyp"])
def test_short_and_unusual_texts_are_read(tmp_path: Path, text: str) -> None:
    assert read_corpus([str(write(tmp_path, {"a.txt": text.encode()}) / "a.txt")]).text == text


def test_any_bytes_give_a_text_or_a_one_line_error(tmp_path: Path) -> None:
    rng = random.Random(11)
    heads = [b"", b"\xff\xfe", b"\xef\xbb\xbf", b"PK\x03\x04", b"\x1f\x8b", b"\x80\x04", b"%PDF-"]
    path = tmp_path / "a.txt"
    for _ in range(400):
        body = bytes(rng.choice((rng.randrange(256), 10, 13, 97)) for _ in range(rng.randrange(60)))
        raw = rng.choice(heads) + body
        path.write_bytes(raw)
        try:
            text = read_corpus([str(path)]).text
        except CorpusError as error:
            assert str(error).isprintable()  # noqa: PT017 - either outcome is fine
        else:
            wide = raw.startswith(b"\xff\xfe") or b"\0" in raw
            plain = raw.decode("utf-16" if wide else "utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
            assert text == plain or wide
            assert "\0" not in text


def test_one_distinct_character_is_a_text_with_a_warning(tmp_path: Path) -> None:
    corpus = read_corpus([str(write(tmp_path, {"a.txt": b"aaaa"}) / "a.txt")])
    assert corpus.text == "aaaa"
    assert "one character, 'a'" in corpus.warnings[0]
    assert read_corpus([str(write(tmp_path, {"b.txt": b"aab"}) / "b.txt")]).warnings == ()


def test_a_text_that_is_too_short_is_refused_with_the_needed_length(tmp_path: Path) -> None:
    corpus = read_corpus([str(write(tmp_path, {"a.txt": b"short"}) / "a.txt")])
    check_length(corpus, 5, "training")
    with pytest.raises(CorpusError, match="it has 5 characters, and training needs at least 1,200"):
        check_length(corpus, 1200, "training")


# size


def test_more_than_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": b"a" * 600, "b.txt": b"b" * 600, "film.bin": b"\0" * 5000})
    message = corpus_error(tmp_path / "a.txt", tmp_path / "b.txt", max_bytes=1000)
    assert "the text is too large: 1.2 kB, and the disk of the run has room for 1 kB" in message
    assert read_corpus([str(tmp_path)], max_bytes=1200).characters == 1201
    with (tmp_path / "sparse.txt").open("wb") as file:
        file.write(b"x" * 9000)
        file.truncate(10**12)
    assert "sparse.txt is too large: 1e+03 GB" in corpus_error(tmp_path / "sparse.txt", max_bytes=10**11)


def test_an_endless_stream_is_refused_at_the_limit() -> None:
    assert "/dev/zero is too large: more than 100 kB" in corpus_error("/dev/zero", max_bytes=100_000)


@pytest.mark.parametrize("line", [b"abcdefg\r\n", "日本語\n".encode()])
def test_memory_does_not_grow_with_the_text(tmp_path: Path, line: bytes) -> None:
    def peak(count: int) -> int:
        path = write(tmp_path, {"big.txt": line * count}) / "big.txt"
        tracemalloc.start()
        try:
            read_corpus([str(path)], path=tmp_path / "ids")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short, long = peak(300_000), peak(3_000_000)
    assert long < short + 1_000_000
