"""Chats: an invented export of each messenger, what is no chat, and the speakers and the format of what is read.

WhatsApp's exports are in tests/vectors/chats.json, with what the reader makes of them, also the reader in the browser.
`python -m tests.unit.training.corpus.test_chats` computes these results again.
"""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from model import ChatFormat
from training.corpus.chats.reader import ChatReader, chat_kind, speakers_of
from training.corpus.decode import CorpusError

VECTORS = Path(__file__).parents[3] / "vectors" / "chats.json"
STORED: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))
# Words of an error of Python, and the message of the page.
ERRORS = {"has no message": "text.chat_empty", "a chat needs two speakers": "text.chat_one_speaker"}
EXPORTS = json.loads(Path(__file__).with_name("exports.json").read_text(encoding="utf-8"))


def result_of(text: str, reply_as: str | None) -> dict[str, Any]:
    """Returns what the reader makes of an export: its text, format and counts, or the id of the error."""
    reader = ChatReader()
    try:
        turns = reader.read(text, "chat.txt")
        chat = reader.format(reply_as)
    except CorpusError as error:
        return {"error": next(id for words, id in ERRORS.items() if words in str(error))}
    counts = [re.search(r"left out ([\d,]+) of ([\d,]+)", warning) for warning in reader.warnings]
    left_out = [int(number.replace(",", "")) for count in counts if count for number in count.groups()]
    return {
        "text": turns,
        "format": {"prefix": chat.prefix, "suffix": chat.suffix, "stop": chat.stop},
        "notes": [{"id": "text.chat_left_out", "values": dict(zip(("count", "all"), left_out, strict=True))}]
        if left_out
        else [],
        "senders": [
            {"name": name, "called": reader.names[name], "messages": count}
            for name, count in reader.speakers.most_common()
        ],
    }


def vectors() -> list[dict[str, Any]]:
    return [{**each, "expected": result_of(each["input"], each["reply_as"])} for each in STORED]


def read(text: str) -> str:
    return ChatReader(keep_names=True).read(text, "chat.txt")


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export["name"])
def test_an_export_is_recognised_and_read_and_what_it_leaves_out_is_counted(export: dict[str, Any]) -> None:
    text = "\n".join(export["lines"]) if "lines" in export else json.dumps(export["json"], indent=1)
    reader = ChatReader(keep_names=True)
    assert reader.read(text, "chat") == "\n\n".join(export["turns"]) + "\n"
    assert chat_kind(text[:10_000]) == export["kind"]
    left_out, every = export["left_out"], export["left_out"] + reader.speakers.total()
    warning = f"chat: left out {left_out} of {every} messages: notices, calls, files and the like"
    assert reader.warnings == ([warning] if left_out else [])


def test_the_vectors_of_the_browser_are_what_python_reads() -> None:
    assert vectors() == STORED


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "Anna", "text": "Hi"}, {"name": "Ben", "text": "Ho"}),
        ({"from": "Anna", "message": "Hi"}, {"from": "Ben", "message": "Ho"}),
        ({"author": "Anna", "content": "Hi"}, {"author": {"name": "Ben"}, "content": "Ho"}),
        ({"role": "Anna", "content": "Hi"}, {"role": "Ben", "content": [{"type": "text", "text": "Ho"}]}),
        ({"name": "Anna", "role": "admin", "text": "Hi"}, {"name": "Ben", "role": "guest", "text": "Ho"}),
    ],
)
def test_messages_line_by_line_and_in_a_list(one: dict[str, Any], other: dict[str, Any]) -> None:
    lines = [json.dumps(each) for each in (one, other, other)]
    assert read("\n".join(lines)) == "Anna: Hi\n\nBen: Ho\nHo\n"
    assert read("\n\n" + "\n\n".join(lines) + "\n") == "Anna: Hi\n\nBen: Ho\nHo\n"
    assert read(json.dumps([one, other], indent=2)) == "Anna: Hi\n\nBen: Ho\n"
    assert chat_kind("\n".join(lines)) == "a chat in JSON"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Once upon a time\n", "chat.txt, line 1, does not begin like a chat"),
        ("\n\n12:30 Anna: no date\n", "chat.txt, line 3, does not begin like"),
        ('{"name": "Anna", "text": "Hi"}\n{"name": "Ben", "te', "chat.txt is not valid JSON in line 2 (Untermin"),
        ('{"name": "Anna", "text": "Hi"}\n\nBen: Ho', "chat.txt is not valid JSON in line 3 (Expecting value)"),
        ('{\n "messages": [\n  {"from": }', "chat.txt is not valid JSON in line 3 (Expecting value)"),
        ("[" * 100_000, "chat.txt is nested too deeply"),
        ('{"name": "Anna", "text": ' + "9" * 5000 + "}", "chat.txt is not valid JSON in line 1 (a number is too long)"),
        *(
            (text, "chat.txt has no message with a name and a text")
            for text in ("[1, null, [true], {}]", '{"name": 7, "text": "Hi"}', "31/12/2021, 23:59 - Ben left\n")
        ),
    ],
)
def test_a_file_that_is_no_chat_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(CorpusError) as error:
        read(text)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_other_texts_are_not_recognised_as_chats() -> None:
    dataset = '{"text": "the usual form of a data set"}\n'
    for text in ("", "\n", "To be: that is it.\n", "ROMEO: Hi\n", '{"a": 1}\n', dataset, "[package]\n", "[" * 50_000):
        assert chat_kind(text) == "", text[:50]


@pytest.mark.parametrize(
    ("speakers", "reply_as", "expected"),
    [
        ("Anna Ben Ben Carl Carl Carl", None, ("Ben", "Carl")),  # the most frequent one
        ("Anna Ben Ben Carl Carl Carl", "Anna", ("Carl", "Anna")),
        ("user user assistant", None, ("user", "assistant")),
        ("human human gpt X X X", None, ("human", "gpt")),
        ("Anna", None, "a chat needs two speakers, and this one has only Anna"),
        ("Anna Ben Ben", "anna", "--reply-as is 'anna': it must be one of the speakers, Ben, Anna"),
    ],
)
def test_the_speaker_as_whom_the_model_replies(
    speakers: str, reply_as: str | None, expected: tuple[str, str] | str
) -> None:
    reader = ChatReader(keep_names=True)
    reader.read("\n".join(f"{name}: {number}" for number, name in enumerate(speakers.split())), "x")
    if isinstance(expected, str):
        with pytest.raises(CorpusError, match=expected):
            reader.format(reply_as)
    else:
        other, own = expected
        assert reader.format(reply_as) == ChatFormat(f"{other}: ", f"\n\n{own}: ", "\n\n")


@pytest.mark.parametrize(
    "unit", [" ", ":", "\n", '"', "![](", "\u200e<", "31/12/2021, 11:59 ", "1/1/1 ", "\n\nFrom: ", "\nA: "]
)
@pytest.mark.parametrize(
    "chat",
    [
        "31/12/2021, 23:59 - Anna: Hi{}.\n31/12/2021, 23:59 - Ben: Ho",
        "07:04\tAnna\tHi{}.\n07:04\tBen\tHo",
        "From: Anna\nType: incoming\n\nHi{}.\n\nFrom: Ben\nType: incoming\n\nHo",
        "07:04 <Anna> Hi\n07:04 <Ben> Ho\n07:00 {}.",
        "Anna: Hi{}.\nBen: Ho",
    ],
)
def test_the_time_is_linear_for_any_text(chat: str, unit: str) -> None:
    """With a quadratic search it takes minutes."""
    with suppress(CorpusError):  # not all of these are recognised as chats
        read(chat.format(unit * (200_000 // len(unit))))


def test_people_get_letters_and_roles_keep_their_names_and_all_are_found_in_the_text() -> None:
    lines = ["Anna: Hi", "and more", "user: Ho", "Ben: She: said so", "Anna: Yes"]
    text = ChatReader().read("\n".join(lines), "chat.txt")
    assert text == "A: Hi\nand more\n\nuser: Ho\n\nC: She: said so\n\nA: Yes\n"
    assert speakers_of([f"{text}\n{text}"]) == speakers_of(f"{text}\n{text}") == {"A", "C", "user"}


if __name__ == "__main__":
    lines = ",\n".join(map(json.dumps, vectors()))
    VECTORS.write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")
