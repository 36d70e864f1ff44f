"""Texts of datasets on the Hub: the real client against a local Hub, and each error."""

import pytest

from tests.local_hub import LocalHub
from tests.support.corpus_errors import corpus_error
from training.corpus.reader import read_corpus

PLAYS = {
    "README.md": b"---\nlicense: mit\n---\n",
    "hamlet.txt": "\ufeffTo be,\r\nor not\r\n".encode(),
    "other/lear.txt": b"Nothing.",
    "other/Macbeth.TXT": b"Out, spot!",
    "other/data.parquet": b"PAR1\x00PAR1",
}


@pytest.fixture
def plays(hub: LocalHub) -> LocalHub:
    hub.add_repo("ada/plays", PLAYS, kind="dataset")
    return hub


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
    corpus = read_corpus([f"hf://datasets/ada/plays{path}"])
    texts = {"hamlet.txt": "To be,\nor not\n", "Macbeth.TXT": "Out, spot!", "lear.txt": "Nothing."}
    assert corpus.text == "\n".join(texts[file] for file in files)
    assert (corpus.files, corpus.name, corpus.warnings) == (files, name, ())


def test_a_revision_is_read_and_a_push_while_reading_does_not_mix_two_commits(plays: LocalHub) -> None:
    repo = plays.repos["datasets/ada/plays"]
    old = repo.branches["main"]

    def push(*_: object) -> None:  # one file is there: the next ones are still those of its commit
        plays.commit(repo, {"other/lear.txt": b"another play", "hamlet.txt": b"newer"})

    plays.commit(repo, {"hamlet.txt": b"new"}, branch="a/branch")
    first = read_corpus(["hf://datasets/ada/plays"], progress=push).text
    assert first == "To be,\nor not\n\nOut, spot!\nNothing."
    for revision, text in {"": "newer", "@a%2Fbranch": "new", f"@{old}": "To be,\nor not\n"}.items():
        assert read_corpus([f"hf://datasets/ada/plays{revision}/hamlet.txt"]).text == text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("ada/plays/othello.txt", "has no othello.txt; it has README.md, hamlet.txt, other/Macbeth.TXT, other/data"),
        ("ada/table", "has no .txt file; it has train.parquet: give one of its text files"),
        ("ada/table/train.parquet", "train.parquet cannot be unpacked"),
        ("ada/void", "it has nothing"),
        ("ada/missing/a.txt", "the dataset ada/missing cannot be read: there is no such repo, or the token may not"),
        ("ada/secret/a.txt", "the dataset ada/secret cannot be read: there is no such repo, or the token may not"),
        ("ada/terms", "ada/terms cannot be read: it is gated: accept its terms"),
        ("ada/plays@v9/hamlet.txt", "there is no such revision"),
        *((each, "hf://datasets/OWNER/NAME") for each in ("", "plays", "a d/b", "a--b/c")),
    ],
)
def test_what_is_not_there_or_closed_has_its_message(plays: LocalHub, source: str, message: str) -> None:
    plays.add_repo("ada/table", {"train.parquet": b"PAR1"}, kind="dataset")
    plays.add_repo("ada/void", kind="dataset")
    plays.add_repo("ada/secret", PLAYS, kind="dataset", private=True)
    plays.add_repo("ada/terms", PLAYS, kind="dataset", gated="manual")
    assert message in corpus_error(f"hf://datasets/{source}")


def test_a_token_opens_a_private_dataset_and_is_never_shown(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repo("ada/secret", PLAYS, kind="dataset", private=True)
    monkeypatch.setenv("HF_TOKEN", token := hub.add_token("ada"))
    corpus = read_corpus(["hf://datasets/ada/secret/other/lear.txt"])
    assert corpus.text == "Nothing."
    assert token not in repr(corpus)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "wrong" * 8)
    message = corpus_error("hf://datasets/ada/secret")
    assert "(401): log in (`hf auth login`)" in message
    assert "wrong" not in message
