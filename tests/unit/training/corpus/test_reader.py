"""Local texts: which files are read, in which order, what is left out, and the error for each bad input."""

import hashlib
import io
import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.corpus_errors import corpus_error
from tests.support.platforms import posix_only
from training.corpus.reader import read_corpus

PNG = "\x89PNG\r\n\x1a\n\0\0"


def write(folder: Path, tree: str) -> Path:
    """Writes the files of a tree, such as "a.txt=text b/link->../a.txt pipe|": contents, targets of links, pipes."""
    for word in tree.split(" "):
        name, arrow, target = word.partition("->")
        path = folder / name.partition("=")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        if arrow:
            path.symlink_to(target)
        elif name.endswith("|"):
            os.mkfifo(folder / name[:-1])
        else:
            path.write_bytes(name.partition("=")[2].encode("latin-1"))
    return folder


class Case(NamedTuple):
    """A tree of files, the sources that are typed, and the lines and the warnings of the text."""

    tree: str
    typed: str
    lines: str
    warnings: tuple[str, ...] = ()


BOOKS = f"b.txt=b a/z.md=az a/b/c.txt=abc a.txt=a no.txt= .hidden=h .git/deep/er=h a.bin={'x' * 20_000}\0 p.txt={PNG}"
GLOBS = "a1.txt=1 a2.txt=2 b.txt=3 d/x.txt=4 d/e/y.txt=5 d/z=\0 a[1].txt=6"
LINKS = (
    "data/a.txt=a data/c/d.txt=d secret/diary.txt=s data/docs->../secret data/b.txt->../secret/diary.txt "
    "data/circle->. data/loop->loop data/pipe|"
)
COPY = "equal to another file"
CASES = {
    "order": Case("a=\xef\xbb\xbf1 b=2\n c=3\r\n", "b c a", "2  3  1"),
    "folder": Case(BOOKS, ".", "abc az a b", ("2 hidden (.git, .hidden), 2 binary (a.bin, p.txt), 1 empty (no.txt)",)),
    "a link that is typed": Case("a/b.txt=b c->a/b.txt", "c", "b"),
    # A cloned folder may link to private files of this machine.
    "links": Case(LINKS, "data", "a d", ("3 linked (b.txt, circle, docs), 2 unreadable (loop, pipe)",)),
    "links, *.txt": Case(LINKS, "data/*.txt", "a", ("1 linked (b.txt)",)),
    "links, */*.txt": Case(LINKS, "data/*/*.txt", "d", ("3 linked (a.txt, b.txt, diary.txt)",)),
    "**/*": Case(GLOBS, "**/*.txt", "1 2 6 3 5 4"),
    **{each: Case(GLOBS, each, "5 4", ("1 binary (z)",)) for each in ("d/**", "d/*", "**/d")},
    "twice": Case("a=a b=b", "b . a", "b a", (f"2 {COPY} (b, a)",)),
    "empty": Case("a= b=\xef\xbb\xbf c=ab", "a b c", "ab", ("2 empty (a, b)",)),
}


@posix_only
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_files_that_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    monkeypatch.chdir(write(tmp_path, case.tree))
    monkeypatch.setenv("HOME", str(tmp_path))
    corpus = read_corpus(case.typed.split())
    assert corpus.text.split("\n") == case.lines.split(" ")
    assert tuple(line.removeprefix("left out of the text: ") for line in corpus.warnings) == case.warnings


def test_a_corpus_names_its_file_and_its_text_and_holds_no_local_path(tmp_path: Path) -> None:
    content = "  two words\n\n\tÆsop, 中文, 👩‍👩‍👧, e\u0301, \u2028, \x0c\n"
    path = write(tmp_path, "secret-place/b.txt=b").joinpath("secret-place", "my text.txt")
    path.write_bytes(content.encode())
    corpus = read_corpus([str(path)])
    assert (corpus.text, corpus.name, corpus.files) == (content, "my-text", ("my text.txt",))
    assert (corpus.characters, corpus.sha256) == (len(content), hashlib.sha256(content.encode()).hexdigest())
    assert "secret-place" not in repr(corpus)
    assert "two words" not in repr(corpus)
    assert read_corpus([str(path.parent / "b.txt"), str(path)]).name == "b-and-1-more"


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfa\r\nb")) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        corpus = read_corpus(["-"])
        assert (corpus.text, corpus.name, corpus.files) == ("a\nb", "stdin", ("stdin",))
        assert "1 empty (stdin)" in corpus_error("-")
    monkeypatch.setattr(sys, "stdin", None)
    assert corpus_error("-") == "standard input is closed: give a file"


def test_a_python_without_its_documentation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    assert corpus_error().startswith("this Python has no documentation")


@posix_only
@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("bundled:bible", "bundled:bible is a model, not a text: to train from it, use --from bundled:bible"),
        ("user/name", "for a dataset on the Hub, write hf://datasets/user/name"),
        *(
            (name, f"there is no file or folder {name}: check the name and the folder you are in")
            for name in ("full/c.txt/a", "loop.txt", "~no-such-user-here/a.txt")
        ),
        ("*.md", "no file matches *.md: check the pattern and the folder you are in"),
        ("void", "void holds no text: give text files in UTF-8"),
        ("full", "full holds no text (left out: 1 hidden (.b), 1 binary (a.bin), 1 empty (c.txt)): give text files"),
        ("full/c.txt", "there is no text (left out: 1 empty (c.txt)): give a file with text in it"),
        *((source, "") for source in ("", "  ", "x" * 5000, "ftp://host/a", "s3://bucket/a", "a\nb", "\udcff")),
    ],
)
def test_a_source_that_cannot_be_read_is_refused_in_one_line_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, message: str
) -> None:
    monkeypatch.chdir(write(tmp_path, "full/a.bin=\0\1 full/.b=x full/c.txt= loop.txt->loop.txt"))
    (tmp_path / "void").mkdir()
    error = corpus_error(typed)
    assert message in error
    assert len(error) < 500


def test_a_text_must_fit_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, f"a.txt={'a' * 600} b.txt={'b' * 600} film.bin={chr(0) * 5000}")
    monkeypatch.setattr("training.corpus.reader.free_bytes", lambda _: 1201)
    assert read_corpus([str(tmp_path)]).characters == 1201  # film.bin is no text
    monkeypatch.setattr("training.corpus.reader.free_bytes", lambda _: 1000)
    assert "b.txt is too large: the disk of the run has room for 1 kB" in corpus_error(tmp_path)
