"""Chat exports as the messengers write them, and the text that they become."""

from __future__ import annotations

import json
from typing import Any

import pytest

from model import ChatFormat
from tests.support.alarms import alarm
from tests.support.platforms import posix_only
from training.corpus.chats.format_list import chat_kind
from training.corpus.chats.reader import ChatReader, speakers_of
from training.corpus.decode import CorpusError


def read(text: str) -> str:
    return ChatReader(keep_names=True).read(text, "chat.txt")


# WhatsApp

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


def test_an_android_export_becomes_turns() -> None:
    reader = ChatReader(keep_names=True)
    assert reader.read(ANDROID, "chat.txt") == (
        "Anna: Are you coming?\nBring:\n  - bread\n  - cheese\n\n"
        "Ben: Yes\nSee https://example.org: it is 12:30\n\n"
        "Anna: our table\n\n"
        "+49 170 1234567: late\n"
    )
    assert reader.speakers == {"Anna": 2, "Ben": 2, "+49 170 1234567": 1}
    assert reader.warnings == [
        "chat.txt: left out 4 of 9 messages (notices: 2, pictures and files: 1, deleted: 1)",
    ]


def test_an_iphones_export_becomes_turns() -> None:
    text = (
        "[31.12.21, 23:59:01] Party: \u200eMessages and calls are end-to-end encrypted.\n"
        "[31.12.21, 23:59:02] \u202aAnna\xa0Maria\u202c: Hi @\u2068Ben\u2069\n"
        "\u200e[31.12.21, 23:59:03] ~\u202fBen: \u200eimage omitted\n"
        "[31.12.21, 23:59:04] ~\u202fBen: Hello \u200e<This message was edited>\n"
        "12.12.21, 18:00 - Carl: quoted\n"
    )
    assert read(text) == "Anna Maria: Hi @Ben\n\nBen: Hello\n12.12.21, 18:00 - Carl: quoted\n"


@pytest.mark.parametrize(
    "header",
    [
        "12/31/21, 11:59 PM - ",
        "12/31/21, 11:59\u202fPM - ",
        "31/12/21, 11:59 pm - ",
        "31/12/2021 23:59 - ",
        "31/12/2021 à 23:59 - ",
        "31/12/2021, 11:59 p. m. - ",
        "31.12.21, 23:59 - ",
        "31.12.2021 klo 23.59 - ",
        "31-12-2021 23:59 - ",
        "2021-12-31, 23:59 - ",
        "2021/12/31 23:59 - ",
        "2021/12/31, 午後11:59 - ",
        "31. 12. 2021, 23:59 - ",
        "٣١/١٢/٢٠٢١، ١١:٥٩ م - ",
        "[31.12.21, 23:59:59] ",
        "[12/31/21, 11:59:59\u202fPM] ",
        "[31/12/2021, 23:59:59] ",
        "[2021-12-31, 23:59:59] ",
        "[2021/12/31 23:59:59] ",
        "[31/12/21, 11:59:59 p. m.] ",
        "\u200e[31.12.2021, 23:59:59] ",
        "[\u200f31\u200f/12\u200f/2021, 23:59:59] ",
    ],
)
def test_dates_of_many_countries(header: str) -> None:
    text = f"{header}Anna: One\n{header}Ben: Two\nand 3\n"
    assert chat_kind(text) == "a WhatsApp export"
    assert read(text) == "Anna: One\n\nBen: Two\nand 3\n"


# Telegram


def telegram(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"name": "Anna", "type": "personal_chat", "id": 1, "messages": list(messages)}


def message(who: str | None, text: object, **more: Any) -> dict[str, Any]:
    return {"id": 1, "type": "message", "date": "2021-12-31T23:59:59", "from": who, "text": text, **more}


MESSAGES = (
    {"id": 0, "type": "service", "actor": "Anna", "action": "phone_call", "text": ""},
    message("Anna", "Hi\n\n\nthere"),
    message("Ben", ["see ", {"type": "link", "text": "https://example.org"}, " now"]),
    message("Ben", "", media_type="sticker"),
    message(None, "gone"),
)
TURNS = "Anna: Hi\nthere\n\nBen: see https://example.org now\n\nDeleted Account: gone\n"


@pytest.mark.parametrize("indent", [None, 1])
def test_a_telegram_export_becomes_turns(indent: int | None) -> None:
    text = json.dumps(telegram(*MESSAGES), indent=indent)
    assert chat_kind(text[:500]) == "a Telegram export"
    reader = ChatReader(keep_names=True)
    assert reader.read(text, "result.json") == TURNS
    assert reader.warnings[0].startswith("result.json: left out 2 of 5 messages")


def test_a_telegram_export_of_everything_keeps_chats_apart() -> None:
    chats = [telegram(message("Anna", "one")), telegram(message("Anna", "two"), message("Ben", "three"))]
    assert read(json.dumps({"about": "…", "chats": {"about": "…", "list": chats}})) == (
        "Anna: one\n\nAnna: two\n\nBen: three\n"
    )


# JSON lines


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "Anna", "text": "Hi"}, {"name": "Ben", "text": "Ho"}),
        ({"from": "Anna", "message": "Hi"}, {"from": "Ben", "message": "Ho"}),
        ({"author": "Anna", "content": "Hi"}, {"author": {"name": "Ben"}, "content": "Ho"}),
        ({"role": "Anna", "content": "Hi"}, {"role": "Ben", "content": [{"type": "text", "text": "Ho"}]}),
        ({"speaker": "Anna", "text": "Hi"}, {"speaker": "Ben", "text": "Ho"}),
        ({"user": "Anna", "text": "Hi"}, {"user": "Ben", "text": "Ho"}),
        ({"sender": "Anna", "body": "Hi"}, {"sender": "Ben", "body": "Ho"}),
        ({"name": "Anna", "role": "admin", "text": "Hi"}, {"name": "Ben", "role": "guest", "text": "Ho"}),
    ],
)
def test_messages_line_by_line(one: dict[str, Any], other: dict[str, Any]) -> None:
    lines = [json.dumps(each) for each in (one, other, other)]
    assert read("\n".join(lines)) == "Anna: Hi\n\nBen: Ho\nHo\n"
    assert read("\n\n" + "\n\n".join(lines) + "\n") == "Anna: Hi\n\nBen: Ho\nHo\n"
    assert read(json.dumps([one, other], indent=2)) == "Anna: Hi\n\nBen: Ho\n"
    assert chat_kind("\n".join(lines)) == "a chat in JSON lines"


def test_conversations_line_by_line() -> None:
    first = {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "name": "u1", "content": "Hi"},
            {"role": "assistant", "content": None, "tool_calls": []},
            {"role": "tool", "content": "42"},
            {"role": "assistant", "content": "It is\r\n\r\n42\u2028."},
        ]
    }
    second = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]}
    text = "\n".join(map(json.dumps, (first, second)))
    assert chat_kind(text) == "a chat in JSON lines"
    assert read(text) == "user: Hi\n\nassistant: It is\n42\u2028.\n\nhuman: Hi\n\ngpt: Ho\n"


def test_nuls_and_unpaired_surrogates_are_removed() -> None:
    assert read('{"name": "A\\ud800\\n\\nB: ", "text": "x\\u0000y\\udfff"}') == "A\ufffd B: xy\ufffd\n"


# errors


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Once upon a time\n", "chat.txt, line 1, does not begin like a chat"),
        ("\n\n12:30 Anna: no date\n", "chat.txt, line 3, does not begin like"),
        (
            '{"name": "Anna", "text": "Hi"}\n{"name": "Ben", "te',
            "chat.txt is not valid JSON in line 2 (Untermin",
        ),
        ('{"name": "Anna", "text": "Hi"}\n\nBen: Ho', "chat.txt is not valid JSON in line 3 (Expecting value)"),
        ('{\n "messages": [\n  {"from": }', "chat.txt is not valid JSON in line 3 (Expecting value)"),
        ("[" * 100_000, "chat.txt is nested too deeply"),
        ("[" * 700 + "]" * 700, "chat.txt "),
        ('{"name": "Anna", "text": ' + "9" * 5000 + "}", "chat.txt is not valid JSON in line 1 (a number is too long)"),
        ("[]", "chat.txt has no message with a name and a text"),
        ("{}", "chat.txt has no message"),
        ('{"messages": "none"}', "chat.txt has no message"),
        ("[1, null, [true], {}]", "chat.txt has no message"),
        ('{"text": "who said this?"}', "chat.txt has no message"),
        ('{"name": 7, "text": "Hi"}', "chat.txt has no message"),
        ('{"name": "Anna", "text": {"a": 1}}', "chat.txt has no message"),
        ("31/12/2021, 23:59 - Ben left\n", "chat.txt has no message"),
    ],
)
def test_a_file_that_is_no_chat_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(CorpusError) as error:
        read(text)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "To be, or not to be: that is the question.\n",
        "12/31/21 was a good day\n",
        "ROMEO: Hi\n",
        '{"a": 1}\n',
        '{"text": "the usual form of a data set"}\n',
        '{"narrator": "Anna", "text": "a key that --chat does not know"}\n',
        "[package]\n",
        '{"name": "char-lstm", "version": 1}',
        "[" * 50_000,
    ],
)
def test_other_texts_are_not_recognised_as_chats(text: str) -> None:
    assert chat_kind(text) == ""


# speakers


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


def test_files_that_are_joined_keep_their_turns_apart() -> None:
    reader = ChatReader(keep_names=True)
    files = [reader.read(json.dumps({"name": name, "text": "Hi"}), name) for name in ("Anna", "Ben")]
    assert "\n".join(files) == "Anna: Hi\n\nBen: Hi\n"


# time


@posix_only
@pytest.mark.parametrize(
    "unit", [" ", " \u200e", "<", "\u200e<", "<This message was edited>", ":", "1/", "31/12/2021, 11:59 ", "\u200e<a "]
)
def test_the_time_is_linear_for_any_message(unit: str) -> None:
    with alarm(f"{unit!r}, repeated"):
        read(f"31/12/2021, 23:59 - Anna: Hi{unit * (400_000 // len(unit))}.\n31/12/2021, 23:59 - Ben: Ho\n")


@posix_only
def test_the_time_is_linear_for_a_speaker_without_an_answer() -> None:
    text = "31/12/2021, 23:59 - Anna: To whom do I write this long message, day after day?\n" * 100_000
    with alarm("one turn of 100,000 messages"):
        assert read(text).count("\n") == 100_000


# names


def test_the_speakers_of_a_chat_get_letters_and_roles_keep_their_names() -> None:
    reader = ChatReader()
    assert reader.read(ANDROID, "chat.txt") == (
        "A: Are you coming?\nBring:\n  - bread\n  - cheese\n\n"
        "B: Yes\nSee https://example.org: it is 12:30\n\n"
        "A: our table\n\n"
        "C: late\n"
    )
    assert reader.names == {"Anna": "A", "Ben": "B", "+49 170 1234567": "C"}
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


def test_a_file_that_is_left_out_leaves_no_trace() -> None:
    reader = ChatReader()
    reader.read("1/1/2022, 00:01 - Anna: Hi\n1/1/2022, 00:02 - Ben: Ho", "chat.txt")
    before = reader.position(), reader.format(), reader.speakers
    with pytest.raises(CorpusError):
        reader.read('{"role": "user", "content": "Hi"}\n' * 9 + '{"role": "assist', "cut.jsonl")
    reader.read(
        '{"role": "user", "content": "Hi"}\n{"role": "assistant", "content": "Ho"}\n' * 9, "in an archive.jsonl"
    )
    reader.truncate(before[0])
    assert (reader.position(), reader.format(), reader.speakers) == before


def test_more_speakers_than_letters_have_distinct_names() -> None:
    reader = ChatReader()
    reader.read("\n".join(json.dumps({"name": f"Speaker {i}", "text": "Hi"}) for i in range(800)), "chat.jsonl")
    expected = {0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA"}
    assert {i: reader.names[f"Speaker {i}"] for i in expected} == expected
    assert len(set(reader.names.values())) == 800
