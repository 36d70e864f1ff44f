"""The turns, the speakers and the format of the chats that are read."""

from __future__ import annotations

import json

import pytest

from model import ChatFormat
from training.corpus.chats.reader import ChatReader, speakers_of
from training.corpus.decode import CorpusError


def read(text: str) -> str:
    return ChatReader(keep_names=True).read(text, "chat.txt")


ANDROID = """\
31/12/2021, 23:58 - Messages and calls are end-to-end encrypted. Tap to learn more.
31/12/2021, 23:59 - Ben created group "Party: tonight"
31/12/2021, 23:59 - Anna: Are you coming?
Bring:

  - bread
  - cheese
31/12/2021, 23:59 - Ben: <Media omitted>
1/1/2022, 00:01 - Ben: Yes
1/1/2022, 00:02 - Ben: See https://example.org: it is 12:30
1/1/2022, 00:03 - Anna: \u200eIMG-20220101-WA0001.jpg (file attached)
our table
1/1/2022, 00:04 - Anna: This message was deleted
1/1/2022, 00:05 - +49 170 1234567: late <This message was edited>
"""


def two(lines: str) -> ChatReader:
    reader = ChatReader(keep_names=True)
    reader.read(
        "\n".join(json.dumps(dict(zip(("name", "text"), line.split("|"), strict=True))) for line in lines.split()), "x"
    )
    return reader


def test_the_model_replies_as_the_most_frequent_speaker_or_the_chosen_one() -> None:
    reader = two("Anna|a Ben|b Ben|c Carl|d Carl|e Carl|f")
    assert reader.format() == ChatFormat("Ben: ", "\n\nCarl: ", "\n\n")
    assert reader.format("Anna") == ChatFormat("Carl: ", "\n\nAnna: ", "\n\n")


def test_an_assistant_is_recognised_by_its_role() -> None:
    assert two("user|a user|b assistant|c").format() == ChatFormat("user: ", "\n\nassistant: ", "\n\n")
    assert two("human|a human|b gpt|c X|d X|e X|f").format() == ChatFormat("human: ", "\n\ngpt: ", "\n\n")


def test_one_speaker_or_an_unknown_one_is_refused() -> None:
    with pytest.raises(CorpusError, match="a chat needs two speakers, and this one has only Anna"):
        two("Anna|a").format()
    with pytest.raises(CorpusError, match=r"--reply-as is 'anna': it must be one of the speakers, Ben, Anna"):
        two("Anna|a Ben|b Ben|c").format("anna")


def test_examples_are_frequent_messages_of_other_speakers() -> None:
    reader = two(" ".join(["Anna|Hi"] * 6 + ["Anna|secret"] * 4 + ["Ben|Ho"] * 11))
    assert reader.examples(reader.format()) == ["Hi"]
    assert reader.examples(reader.format("Anna")) == ["Ho"]


HOSTILE = {
    "31/12/2021, 23:59 - Anna: Hi{}.\n31/12/2021, 23:59 - Ben: Ho\n": (
        " ",
        "\u200e<",
        ":",
        "31/12/2021, 11:59 ",
        "![](",
    ),
    "====================\nGuild: A\nChannel: B\n[11/05/2023 7:04 AM] Anna\nHi\n[11/05/2023 7:04 AM] B{}.\nHo": (
        *(" ", " (pinned)", "{Embed}\n"),
    ),
    "07:04\tAnna\tHi{}.\n07:04\tBen\tHo\n": (" ", '"', "1/1/1 "),
    "From: Anna\nType: incoming\n\nHi{}.\n\nFrom: Ben\nType: incoming\n\nHo": (" ", "\n\nFrom: ", "\nType: "),
    "07:04 <Anna> Hi\n07:04 <Ben> Ho\n07:00 {}.\n": (" ", "-- ", "* a b sets mode"),
    "Anna: Hi\nBen: Ho\n{}.\n": (" ", "A: "),
    '{{"participants": [], "messages": [{{"sender_name": "Anna", "content": "Hi"}}, '
    '{{"sender_name": "Ben", "content": "{}"}}]}}': (" ", "a sent a photo", "Ã"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("text", "unit"), [(text, unit) for text, units in HOSTILE.items() for unit in units])
def test_the_time_is_linear_for_any_text(text: str, unit: str) -> None:
    assert read(text.format(unit * (100_000 // len(unit)))).startswith("Anna: Hi")


def test_the_speakers_of_a_chat_get_letters_and_roles_keep_their_names() -> None:
    reader = ChatReader()
    assert reader.read(ANDROID, "chat.txt") == (
        "A: Are you coming?\nBring:\n  - bread\n  - cheese\n\n"
        "B: Yes\nSee https://example.org: it is 12:30\n\n"
        "A: our table\n\n"
        "C: late\n"
    )
    assert reader.names == {"Anna": "A", "Ben": "B", "+49 170 1234567": "C"}
    assert reader.warnings == ["chat.txt: left out 4 of 9 messages (notices: 2, pictures and files: 1, deleted: 1)"]
    assert reader.speakers == {"Anna": 2, "Ben": 2, "+49 170 1234567": 1}
    assert reader.format("Ben") == ChatFormat("A: ", "\n\nB: ", "\n\n")
    assert reader.read("1/1/2022, 00:01 - Ben: Later", "more.txt") == "B: Later\n"
    roles = ChatReader()
    lines = [json.dumps({"role": role, "content": "Hi"}) for role in ("user", "assistant")]
    assert roles.read("\n".join(lines), "chat.jsonl") == "user: Hi\n\nassistant: Hi\n"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_every_speaker_in_a_text_is_found_wherever_its_pieces_end(size: int) -> None:
    reader = ChatReader()
    text = "\n".join(reader.read(each, "chat.txt") for each in (ANDROID, "1/1/2022, 00:01 - Ben: Later: never"))
    assert speakers_of(text[at : at + size] for at in range(0, len(text), size)) == {"A", "B", "C"}
