"""An export of each messenger, invented for the test: what is read, and how much is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.chat_samples import HEADERS
from training.corpus.chats.reader import ChatReader, chat_kind
from training.corpus.decode import CorpusError

EXPORTS = json.loads(Path(__file__).with_name("exports.json").read_text(encoding="utf-8"))


def read(text: str) -> str:
    return ChatReader(keep_names=True).read(text, "chat.txt")


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export["name"])
def test_an_export_is_recognised_and_read_and_what_it_leaves_out_is_counted(export: dict[str, Any]) -> None:
    text = "\n".join(export["lines"]) if "lines" in export else json.dumps(export["json"], indent=1)
    reader = ChatReader(keep_names=True)
    assert reader.read(text, "chat") == "\n\n".join(export["turns"]) + "\n"
    assert chat_kind(text[:10_000]) == export["kind"]
    left_out, every = export["left_out"], export["left_out"] + reader.speakers.total()
    warning = f"chat: left out {left_out} of {every} messages, which nobody wrote in this chat"
    assert reader.warnings == ([warning] if left_out else [])


@pytest.mark.parametrize("header", HEADERS)
def test_whatsapps_dates_of_many_countries(header: str) -> None:
    text = f"{header}Anna: One\n{header}Ben: Two\nand 3\n"
    assert chat_kind(text) == "a WhatsApp export"
    assert read(text) == "Anna: One\n\nBen: Two\nand 3\n"


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
    assert chat_kind("\n".join(lines)) == "a chat in JSON lines"


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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "To be, or not to be: that is the question.\n",
        "ROMEO: Hi\n",
        '{"a": 1}\n',
        '{"text": "the usual form of a data set"}\n',
        "[package]\n",
        "[" * 50_000,
    ],
)
def test_other_texts_are_not_recognised_as_chats(text: str) -> None:
    assert chat_kind(text) == ""
