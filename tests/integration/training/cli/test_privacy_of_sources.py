"""Nothing of a chat, or of a text that not everyone can read, is in the files that an anonymous reader gets."""

import json
import random
from pathlib import Path

import pytest

from model import CharLSTM
from tests.local_hub import LocalHub
from tests.support.tiny_runs import Here, use_small_page, words
from training.card.cell_names import SHORTEST
from training.cli.options import parse_train, published_command
from training.cli.text import closed_sources, datasets_and_language, public_text

QUICK = ("--preset=tiny", "--set=hidden_size=16,embedding_size=4,batch=4,window=16,evaluations=1", "--steps=6")
PIECE = 20  # characters: a text of the model shares shorter ones with its training text by chance
NAME = "private-chats"  # of the data sets


def message(draw: random.Random) -> str:
    return " ".join(draw.choice(words(60).replace(".", "").split()) + str(draw.randint(0, 99)) for _ in range(9))


def texts() -> dict[str, str]:
    """Texts of which a tenth is long enough to name cells; no two pieces of 20 characters in one are equal."""
    draw, pairs = random.Random(1), range(6 * SHORTEST // 60)
    roles = [json.dumps({"role": role, "content": message(draw)}) for _ in pairs for role in ("user", "assistant")]
    people = [f"31/12/2021, 10:30 - {name}: {message(draw)}" for _ in pairs for name in ("Anna", "Ben")]
    prose = [f"{message(draw)}." for _ in pairs for _ in "12"]
    named = {"text.txt": prose, "chat.jsonl": roles, "WhatsApp Chat with Ben.txt": people}
    return {name: "\n".join(lines) for name, lines in named.items()}


TEXTS = texts()


def pieces_of(text: str) -> set[bytes]:
    return {text[at : at + PIECE].encode() for at in range(len(text) - PIECE)}


def published(hub: LocalHub, *repos: str) -> bytes:
    """All bytes of all branches of some repos, and the names of their files."""
    found = []
    for repo in repos:
        for branch in hub.repos[repo].branches:
            for name in hub.repos[repo].commit(branch).files:
                found += [name.encode(), hub.read(repo, name, branch)]
    return b"\n".join(found)


def quoted(hub: LocalHub, text: str, *repos: str) -> set[bytes]:
    """The pieces of the messages or lines of a text that are in these repos, also in JSON."""
    data = published(hub, *repos)
    spoken = {piece for piece in pieces_of(text) if not set(piece) & set(b'"{}:[]\n')}
    assert len(spoken) > 1000
    return {piece for at in range(len(data)) if (piece := data[at : at + PIECE]) in spoken}


@pytest.fixture(autouse=True)
def quick() -> None:
    """The whole samples are searched."""


@pytest.fixture(autouse=True)
def _texts(tmp_path: Path, hub: LocalHub, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The texts in the folder of the test, and in datasets that only their owner can read."""
    use_small_page(monkeypatch, tmp_path / "project")
    content = {name: text.encode() for name, text in TEXTS.items()}
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    hub.context.stages = ("RUNNING",)
    hub.add_repo(f"ada/{NAME}", content, kind="dataset", private=True)
    hub.add_repo("ada/open", content, kind="dataset")


@pytest.mark.parametrize(
    "typed",
    [
        ("hf://datasets/ada/private-chats/text.txt",),
        ("hf://datasets/ada/private-chats/chat.jsonl", "--chat"),
        ("WhatsApp Chat with Ben.txt", "--chat"),
    ],
)
def test_what_not_everyone_can_read_is_published_only_with_a_yes_and_not_quoted(
    hub: LocalHub, here: Here, typed: tuple[str, ...]
) -> None:
    output = here(*typed, *QUICK, "--push-to=ada/model", "--space=ada/page", "--out=run", code=2)
    assert "nothing was trained or published" in output
    assert "--publish-anyway" in output
    assert "ada/model" not in hub.repos
    here(*typed, *QUICK, "--push-to=ada/model", "--space=ada/page", "--out=run", "--publish-anyway")
    assert not hub.repos["ada/model"].private
    text = TEXTS[typed[0].rpartition("/")[2]]
    assert quoted(hub, text, "ada/model", "spaces/ada/page") == set()
    assert not {name for name in (NAME, "WhatsApp", "Ben", "Anna") if name.encode() in published(hub, "ada/model")}


def test_a_file_is_not_quoted_and_a_text_that_anyone_can_read_is(hub: LocalHub, here: Here) -> None:
    here("text.txt", *QUICK, "--push-to=ada/file", "--out=file")
    assert quoted(hub, TEXTS["text.txt"], "ada/file") == set()
    seeds = [cell.sample.seed if cell.sample else None for cell in CharLSTM.from_pretrained("ada/file").cells]
    assert seeds
    assert None not in seeds, "the text that named cells are shown in is the model's own"
    here("hf://datasets/ada/open/text.txt", *QUICK, "--push-to=ada/same", "--out=same")
    assert len(quoted(hub, TEXTS["text.txt"], "ada/same")) > 1000  # so the search above can fail
    assert b"hf://datasets/ada/open/text.txt" in published(hub, "ada/same")


def test_all_speakers_of_a_chat_must_be_roles(hub: LocalHub, here: Here) -> None:
    repo = hub.repos["datasets/ada/open"]
    here("hf://datasets/ada/open/chat.jsonl", "--chat", *QUICK, "--push-to=ada/roles")
    third = '{"role": "Anna Smith", "content": "I am the third one here"}'
    hub.commit(repo, {"chat.jsonl": f"{TEXTS['chat.jsonl']}\n{third}".encode()})
    output = here("hf://datasets/ada/open/chat.jsonl", "--chat", *QUICK, "--push-to=ada/names", code=2)
    assert "The text is a chat" in output
    assert "ada/names" not in hub.repos


def test_a_run_that_is_pushed_later_is_not_quoted_either(hub: LocalHub, here: Here) -> None:
    here("hf://datasets/ada/private-chats/text.txt", *QUICK, "--out=run")
    commands = (["space", "run", "--space=ada/page"], ["--resume=run", "--push-to=ada/model"])
    for command in commands:
        output = here(*command, code=2)
        assert "Not everyone can read the source of this text" in output
    for command in commands:
        here(*command, "--publish-anyway")
    assert quoted(hub, TEXTS["text.txt"], "ada/model", "spaces/ada/page") == set()
    assert NAME.encode() not in published(hub, "ada/model", "spaces/ada/page")


@pytest.mark.parametrize(
    ("sources", "about"),
    [
        ([], {"language": "en"}),  # the documentation that is part of Python
        (
            ["hf://datasets/ada/open/a.txt", "hf://datasets/ada/open/b.txt"],
            {"datasets": ["ada/open"], "language": "de"},
        ),
        (["hf://datasets/ada/open", "https://host.org/a.txt"], {"datasets": ["ada/open"]}),
        (["hf://datasets/ada/many"], {"datasets": ["ada/many"]}),
        (["hf://datasets/ada/open", "hf://datasets/ada/private-chats"], {}),
        (["hf://datasets/ada/gated"], {}),
        (["hf://datasets/ada/open", "a.txt"], {}),
    ],
    ids=str,
)
def test_datasets_that_anyone_can_read_are_named_with_their_language(
    hub: LocalHub, sources: list[str], about: object
) -> None:
    hub.commit(hub.repos["datasets/ada/open"], {"README.md": b"---\nlanguage: de\n---\n"})
    hub.add_repo("ada/many", {"README.md": b"---\nlanguage: [de, en]\n---\n"}, kind="dataset")
    hub.add_repo("ada/gated", kind="dataset", gated="manual")
    public = public_text(parse_train(sources), closed_sources(sources))
    assert datasets_and_language(public) == about


@pytest.mark.parametrize("address", ["https://ada:pw@host.org/a.txt", "http://host.org/a?key=1", "http://host/a#b"])
def test_an_address_that_may_hold_a_secret_is_closed_and_not_published(address: str) -> None:
    options, closed = parse_train([address]), closed_sources([address])
    assert closed == {address}
    assert public_text(options, closed) is None
    assert published_command(options, closed) == "char-lstm train TEXT"
