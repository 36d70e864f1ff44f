"""Texts of datasets on the Hub: the real client against a local Hub, and each error."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.local_hub import LocalHub
from tests.support.corpus_errors import corpus_error
from training.corpus.reader import Corpus, read_corpus

LARGE = "".join(random.Random(2).choices("abcdefgh \n", k=300_000)).encode()
PLAYS = {
    "README.md": b"---\nlicense: mit\n---\n",
    "hamlet.txt": "\ufeffTo be,\r\nor not\r\n".encode(),
    "other/lear.txt": b"Nothing.",
    "other/Macbeth.TXT": b"Out, spot!",
    "other/data.parquet": b"PAR1\x00PAR1",
}
HAMLET = "hf://datasets/ada/plays/hamlet.txt"


@pytest.fixture
def plays(hub: LocalHub) -> LocalHub:
    hub.add_repo("ada/plays", PLAYS, kind="dataset")
    return hub


def read(*sources: str) -> Corpus:
    return read_corpus(sources)


@pytest.mark.parametrize(
    ("path", "files", "name"),
    [
        ("/hamlet.txt", ("hamlet.txt",), "hamlet"),
        ("", ("hamlet.txt", "Macbeth.TXT", "lear.txt"), "plays"),
        ("/other", ("Macbeth.TXT", "lear.txt"), "other"),
        ("/other/", ("Macbeth.TXT", "lear.txt"), "other"),
        ("/*le*", ("hamlet.txt", "lear.txt"), "plays"),
    ],
)
def test_a_file_a_folder_a_glob_or_all_text_files_of_a_dataset(
    plays: LocalHub, path: str, files: tuple[str, ...], name: str
) -> None:
    corpus = read(f"hf://datasets/ada/plays{path}")
    texts = {"hamlet.txt": "To be,\nor not\n", "Macbeth.TXT": "Out, spot!", "lear.txt": "Nothing."}
    assert corpus.text == "\n".join(texts[file] for file in files)
    assert (corpus.files, corpus.name, corpus.warnings) == (files, name, ())


def test_a_large_file_is_read_whole(hub: LocalHub) -> None:
    hub.add_repo("ada/large", {"text.txt": LARGE}, kind="dataset")
    hub.context.lfs_limit = 1000
    hub.add_repo("ada/large-lfs", {"text.txt": LARGE}, kind="dataset")
    hub.context.redirect = "cdn"
    reports: list[tuple[str, int, int | None]] = []
    assert read("hf://datasets/ada/large/text.txt").text == LARGE.decode()
    corpus = read_corpus(["hf://datasets/ada/large-lfs"], progress=lambda *report: reports.append(report))
    assert corpus.text == LARGE.decode()
    assert reports == [("hf://datasets/ada/large-lfs/text.txt", len(LARGE), len(LARGE))]


def test_a_revision_is_read(plays: LocalHub) -> None:
    repo = plays.repos["datasets/ada/plays"]
    old = repo.branches["main"]
    plays.commit(repo, {"hamlet.txt": b"new"}, branch="a/branch")
    plays.commit(repo, {"hamlet.txt": b"newer"})
    for revision, text in {"": "newer", "@a%2Fbranch": "new", f"@{old}": "To be,\nor not\n"}.items():
        assert read(f"hf://datasets/ada/plays{revision}/hamlet.txt").text == text
    assert "there is no such revision" in corpus_error("hf://datasets/ada/plays@v9/hamlet.txt")


def test_a_push_while_reading_does_not_mix_two_commits(plays: LocalHub) -> None:
    repo = plays.repos["datasets/ada/plays"]

    def push(*_: object) -> None:  # one file is there: the next ones are still those of its commit
        plays.commit(repo, {"other/lear.txt": b"another play", "hamlet.txt": b"another"})

    corpus = read_corpus(["hf://datasets/ada/plays"], progress=push)
    assert "Nothing." in corpus.text
    assert "another" not in corpus.text


def test_a_missing_file_is_refused_with_the_files_that_exist(plays: LocalHub) -> None:
    message = corpus_error("hf://datasets/ada/plays/othello.txt")
    assert "has no othello.txt; it has README.md, hamlet.txt, other/Macbeth.TXT" in message
    plays.add_repo("ada/table", {"train.parquet": b"PAR1"}, kind="dataset")
    assert "has no .txt file; it has train.parquet: " in corpus_error("hf://datasets/ada/table")
    assert "train.parquet cannot be unpacked" in corpus_error("hf://datasets/ada/table/train.parquet")
    plays.add_repo("ada/void", kind="dataset")
    assert "it has nothing" in corpus_error("hf://datasets/ada/void")


def test_missing_private_and_gated_datasets_have_their_messages(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repo("ada/secret", PLAYS, kind="dataset", private=True)
    hub.add_repo("ada/terms", PLAYS, kind="dataset", gated="manual")
    for name in ("missing", "secret"):
        message = corpus_error(f"hf://datasets/ada/{name}/a.txt")
        assert f"the dataset ada/{name} cannot be read: there is no such repo, or the token may not read it" in message
        assert "hf auth login" in message
    assert "ada/terms cannot be read: it is gated: accept its terms" in corpus_error("hf://datasets/ada/terms")
    monkeypatch.setenv("HF_TOKEN", "hf_" + "wrong" * 8)
    message = corpus_error("hf://datasets/ada/secret")
    assert "401" in message
    assert "wrong" not in message
    monkeypatch.setenv("HF_TOKEN", token := hub.add_token("ada"))
    corpus = read("hf://datasets/ada/secret/other/lear.txt")
    assert corpus.text == "Nothing."
    assert token not in repr(corpus)


@pytest.mark.parametrize(
    "source",
    ["hf://", "hf://ada/plays", "hf://datasets/", "hf://datasets/plays", "hf://datasets/a d/b", "hf://datasets/a--b/c"],
)
def test_an_invalid_address_is_refused_without_a_request(hub: LocalHub, source: str) -> None:
    assert "hf://datasets/OWNER/NAME" in corpus_error(source)
    assert not hub.requests()


def test_more_than_the_limit_is_refused_before_it_is_downloaded(hub: LocalHub) -> None:
    hub.add_repo("ada/large", {"a.txt": LARGE, "b.txt": LARGE}, kind="dataset")
    assert "is too large: 600 kB" in corpus_error("hf://datasets/ada/large", max_bytes=400_000)
    assert not hub.requests("resolve")


@pytest.mark.parametrize("offline", [False, True])
def test_without_the_hub_a_cached_file_is_read_with_a_warning(
    plays: LocalHub, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    before = read(HAMLET)
    if offline:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    else:
        plays.unplug()
    corpus = read(HAMLET)
    assert corpus.sha256 == before.sha256
    assert "cannot be reached: reading the cached copy of" in corpus.warnings[0]
    assert "is not in the cache" in corpus_error("hf://datasets/ada/plays/other/lear.txt")
    assert "a full listing of the dataset ada/plays is not in the cache" in corpus_error("hf://datasets/ada/plays")
    assert "is not in the cache" in corpus_error("hf://datasets/ada/other/a.txt")


@pytest.mark.parametrize("kind", [500, 503, "cut", "html"])
def test_a_failing_hub_counts_as_unreachable_and_a_captive_portal_is_reported(plays: LocalHub, kind: int | str) -> None:
    plays.fail("GET /api/datasets", kind, times=None)
    message = "the answer is not from the Hub" if kind == "html" else "the Hub cannot be reached"
    assert message in corpus_error(HAMLET)


def test_a_refused_download_is_a_one_line_error(plays: LocalHub) -> None:
    plays.fail("HEAD /datasets", 403, times=None)
    assert "ada/plays" in corpus_error(HAMLET)


def test_local_files_and_datasets_mix(plays: LocalHub, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    corpus = read(str(tmp_path / "mine.txt"), "hf://datasets/ada/plays/other/lear.txt")
    assert (corpus.text, corpus.name) == ("mine\nNothing.", "mine-and-1-more")
