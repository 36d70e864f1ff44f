"""Chat exports of several messengers and countries, invented for the tests, and what the reader makes of them.

`python -m tests.support.chat_samples` writes tests/vectors/chats.json again, with which the browser's reader is tested.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from training.corpus.chats.format_list import chat_kind
from training.corpus.chats.phrases import _DELETED, _LIVE_PLACE, _UNAVAILABLE
from training.corpus.chats.reader import ChatReader
from training.corpus.decode import CorpusError

VECTORS = Path(__file__).parents[1] / "vectors" / "chats.json"

# The headers of messages, as phones of many countries write them; each is followed by a name.
HEADERS = (
    *("05/11/2023, 07:04 - ", "5/11/23, 7:04 AM - ", "5/11/23, 7:04\u202fam - ", "05/11/2023 07:04 - "),
    *("05/11/2023 à 07:04 - ", "5/11/2023, 7:04 a. m. - ", "05.11.23, 07:04 - ", "5.11.2023 klo 7.04 - "),
    *("05-11-2023 07:04 - ", "2023-11-05, 07:04 - ", "2023/11/05 07:04 – ", "2023/11/05, 上午7:04 - "),
    *("5. 11. 2023, 07:04 - ", "٥/١١/٢٠٢٣، ٧:٠٤ ص - ", "05.11.23 um 07:04 Uhr - ", "05/11/2023, 07:04 hod. - "),
    *("[05.11.23, 07:04:09] ", "[11/5/23, 7:04:09\u202fAM] ", "[05/11/2023, 07:04:09] ", "[2023-11-05, 07:04:09] "),
    *("[2023/11/05 07:04:09] ", "[5/11/23, 7:04:09 a. m.] ", "\u200e[05.11.2023, 07:04:09] "),
    *("[\u200f5\u200f/11\u200f/2023, 7:04:09 ص] ", "[2023/11/05 上午7:04:09] "),
)
OTHER_PHRASES = (
    *(
        "null",
        "POLL:",
        "Umfrage: no",
        "ОПРОС: x",
        "投票：x",
        "<Media omitted>",
        "location: https://maps.google.com/?q=1,2",
    ),
    *(
        "https://maps.google.com/x y",
        "Standort: https://maps.google.de/a",
        "Missed voice call",
        "Missed group video call",
    ),
    *("Voice call, 12 min", "Verpasster Videoanruf um 10:00", "Appel vocal manqué", "https://foursquare.com/v/1"),
)
WHATSAPP = {
    "Android": "05/11/2023, 07:00 - Messages and calls are end-to-end encrypted. Learn more.\n"
    '05/11/2023, 07:01 - Priya created group "Trip: north"\n'
    "05/11/2023, 07:02 - Priya: Who drives?\nI have:\n\n   a map\n   tea  \n"
    "05/11/2023, 07:03 - Oskar: <Media omitted>\n"
    "05/11/2023, 07:04 - Oskar: Me. At 9:30, see https://example.org/a?b=1\n"
    "05/11/2023, 07:05 - Oskar: \u200eIMG-20231105-WA0007.jpg (file attached)\nthe car\n"
    "05/11/2023, 07:06 - Priya: This message was deleted\n"
    "05/11/2023, 07:07 - +44 7700 900555: I come too <This message was edited>\n"
    "[05/11/2023, 07:08] is quoted\n"
    "05/11/2023, 07:09 - Priya:\n",
    "iPhone": "[05.11.23, 07:00:01] Trip: \u200eMessages and calls are end-to-end encrypted.\n"
    "[05.11.23, 07:00:02] \u202aPriya\xa0Rao\u202c: Hello @\u2068Oskar\u2069\n"
    "\u200e[05.11.23, 07:00:03] ~\u202fOskar: \u200eimage omitted\n"
    "\u200e[05.11.23, 07:00:04] ~\u202fOskar: \u200esticker omitted\nits caption\n"
    "[05.11.23, 07:00:05] ~\u202fOskar: Soon \u200e<This message was edited>\n"
    "05.11.23, 07:00 - Priya: quoted from another phone\n"
    "[05.11.23, 07:00:06] Priya\xa0Rao: 好的 👍🏽\n",
    "German": "05.11.23, 07:00 - Jana: Kommst du?\n05.11.23, 07:01 - Uwe: Diese Nachricht wurde gelöscht\n"
    "05.11.23, 07:01 - Uwe: <Medien ausgeschlossen>\n05.11.23, 07:02 - Uwe: Ja! „Gleich“: um 8\n"
    "05.11.23, 07:03 - Jana hat „Fahrt: Nord“ erstellt\n",
    "WhatsApp names": "1/2/23, 10:00 - 😀 Łucja-María O'Neil (Mum) 😀: hi\n"
    f"1/2/23, 10:00 - {'n' * 60}: sixty\n1/2/23, 10:00 - {'n' * 61}: too long\n"
    f"1/2/23, 10:01 - {'😀' * 60}: sixty\n1/2/23, 10:01 - : no name\n1/2/23, 10:02 - Bo:no space\n"
    "1/2/23, 10:03 -  Bo  Li : spaces\n",
    "line ends inside": "1/2/23, 10:00 - A: one\u2028two\x85three\x0bfour\n\x1c\n\ufeff\n"
    "1/2/23, 10:01 - B:  \u3000five\u3000 \n",
    "phrases": "".join(
        f"1/2/23, 10:00 - {name}: {text}\n"
        for phrase in sorted((*_DELETED, *_UNAVAILABLE, *_LIVE_PLACE, *OTHER_PHRASES))
        for name, text in [("Bo", phrase), ("Bo", f"{phrase}."), ("Li", f"they said: {phrase} or so")]
    ),
    "iPhone poll": "[05.11.23, 07:00:01] Bo: Tea?\n[05.11.23, 07:00:02] Li: No\n"
    "\u200e[05.11.23, 07:00:03] Bo: \u200ePOLL:\nTea?\n\u200eOPTION: yes (\u200e1 vote)\n",
    "signal-export": "[2023-11-05 07:04] Me: Hi\n"
    "[2023-11-05 07:05] Bo: ![a](./m/a.jpg) [b](c)\n[2023-11-05 07:06] Bo: (a)\n",
    "blank first lines": "\n \n1/2/23, 10:00 - A: one\n1/2/23, 10:01 - B: two",
}


def telegram(*messages: dict[str, Any]) -> dict[str, Any]:
    """Returns Telegram's record of one chat."""
    return {"name": "Trip", "type": "private_group", "id": 7, "messages": list(messages)}


def message(sender: object, text: object, **more: Any) -> dict[str, Any]:
    """Returns Telegram's record of one message."""
    return {"id": 1, "type": "message", "date": "2023-11-05T07:04:09", "from": sender, "text": text, **more}


LINK = {"type": "link", "text": "https://example.org"}
CHAT = telegram(
    {"id": 0, "type": "service", "actor": "Priya", "action": "create_group", "text": ""},
    message("Priya", "Who drives?\r\n\r\n\r\nI have tea."),
    message("Oskar", ["see ", LINK, {"type": "bold", "text": " now"}, 7]),
    message("Oskar", "", photo="photos/1.jpg"),
    message("Oskar", [{"type": "custom_emoji", "text": "👍"}]),
    message(None, "an account that is gone"),
    message("Priya", "A\x00B\ud800C"),
)
OTHER_CHAT = telegram(message("Priya", "one"), message("Priya", "two"), message("Ben", "three"))
TELEGRAM_EXTRAS = telegram(
    message("Priya", "mine"),
    message("Oskar", "theirs", forwarded_from="News"),
    message("Oskar", "", poll={"question": "Tea?"}),
    message("Oskar", "here", location_information={"latitude": 1}),
    {"id": 9, "type": "service", "action": "pin_message", "text": "pinned"},
    message("Oskar", "yes"),
)
NAMES = {
    "names": "Anna: hi\nBen: hello\nand welcome\n\nAnna: https://example.org\nNote to self and you: once\nBen:\n",
    "long names": "The Man in the Moon: hi\nThe Woman in the Sun: ho\n"
    "The Man in the Moon: \nThe Woman in the Sun: no\n",
    "odd names": "Ñandú_1: a\n_x: b\n9 Lives: c\n- d: e\nÑandú_1: f\n9 Lives:g\n",
}
INSTRUCTIONS = (
    {"instruction": "Translate", "input": "tea", "output": "Tee"},
    {"prompt": "Hi", "completion": " Ho\n"},
    {"question": "Who?", "answer": ""},
)
JSON_LINES: tuple[dict[str, Any], ...] = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "name": "u1", "content": "Hi"},
    {"role": "assistant", "content": None, "tool_calls": []},
    {"role": "tool", "content": "42"},
    {"role": "assistant", "content": [{"type": "text", "text": "It is\r\n\r\n42."}, {"type": "image"}]},
)
DATASET: tuple[dict[str, Any], ...] = (
    {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]},
    {"conversations": [{"from": "human", "value": "Again"}, {"from": "gpt", "value": "So"}, {"from": "gpt"}]},
)
JSON_CHATS = {
    "Telegram, one chat": json.dumps(CHAT, indent=1),
    "Telegram, one line": json.dumps(CHAT, ensure_ascii=True),
    "Telegram, all chats": json.dumps({"about": "…", "chats": {"list": [CHAT, OTHER_CHAT]}}, indent=1),
    "Telegram, forwards and polls": json.dumps(TELEGRAM_EXTRAS, indent=1),
    "instructions": "\n".join(map(json.dumps, INSTRUCTIONS)),
    "instructions, list": json.dumps(INSTRUCTIONS, indent=1),
    "speakers": "\n".join(json.dumps(each) for each in [{"speaker": "A", "text": "x"}, {"sender": "B", "body": "y"}]),
    "JSON lines": "\n".join(map(json.dumps, JSON_LINES)),
    "JSON lines with blank ones": "\n\n" + "\n \n".join(map(json.dumps, JSON_LINES)) + "\n",
    "JSON list": json.dumps(JSON_LINES, indent=2, ensure_ascii=False),
    "data set": "\n".join(map(json.dumps, DATASET)),
    "authors": "\n".join(
        json.dumps({"author": {"name": name}, "message": text}) for name, text in [("A", "x"), ("B", "y"), ("A", "z")]
    ),
}
NO_CHATS = {
    "a story": "Once upon a time: a text\n",
    "a story, line 3": "\n\n07:04 Priya: no date\n",
    "damaged line": '{"name": "A", "text": "x"}\n{"name": "B", "te',
    "damaged": '{\n "messages": [\n  {"from": }',
    "no message": '{"messages": "none"}',
    "no names": '{"text": "a"}\n{"text": "b"}',
    "only notices": "05/11/2023, 07:00 - Priya left\n",
    "one speaker": "05/11/2023, 07:00 - Priya: one\n05/11/2023, 07:01 - Priya: two\n",
    "empty": "",
    "package.json": '{"name": "trip", "version": "1.0"}\n',
    "TOML": "[trip]\nname = 1\n",
}
REPEATED = "".join(
    f"1/2/23, 10:{n:02} - {name}: {text}\n"
    for n in range(12)
    for name, text in [("A", "yes" if n % 2 else "no"), ("B", f"{n}"), ("A", "late")]
)
_KINDS = {"": None, "a WhatsApp export": "whatsapp", "a Telegram export": "telegram", "a chat in JSON lines": "json"}
_KINDS["a data set of instructions"] = "json"
# The beginning of an error of Python, after the file's name, and the message of the page.
_ERRORS = {
    r", line \d+, does not begin like": "text.chat_unknown",
    r" is not valid JSON in line [2-9]\d* \(Unterm": "text.chat_damaged_line",
    r" is not valid JSON": "text.chat_damaged",
    r" has no message": "text.chat_empty",
    r"a chat needs two speakers": "text.chat_one_speaker",
    r"--reply-as is": "text.chat_no_speaker",
}


def samples() -> dict[str, dict[str, Any]]:
    """Returns the export and the sender that replies, by the name of the sample."""
    dated = {f"header {n}": f"{each}Priya: One\n{each}Oskar: Two\nand 3\n" for n, each in enumerate(HEADERS)}
    given = {**dated, **WHATSAPP, **NAMES, **JSON_CHATS, **NO_CHATS, "repeated": REPEATED}
    many = "".join(f"1/2/23, 10:00 - n{n}: {n}\n" for n in range(60))
    chosen = {name: {"input": text, "reply_as": None} for name, text in given.items()}
    named = {"reply as": "B", "reply as nobody": "C"}
    repeated = {name: {**chosen["repeated"], "reply_as": sender} for name, sender in named.items()}
    return {**chosen, **repeated, "60 senders": {**chosen["repeated"], "input": many}}


def result_of(text: str, reply_as: str | None) -> dict[str, Any]:
    """Returns what the reader makes of an export: its kind, text, format and counts, or the id of the error."""
    reader = ChatReader()
    kind = {"kind": _KINDS[chat_kind(text)]}
    try:
        turns = reader.read(text, "chat.txt")
        chat = reader.format(reply_as)
    except CorpusError as error:
        return {
            **kind,
            "error": next(id for start, id in _ERRORS.items() if re.match(f"(?:chat.txt)?{start}", str(error))),
        }
    counts = [re.search(r"left out ([\d,]+) of ([\d,]+)", warning) for warning in reader.warnings]
    left_out = [int(number.replace(",", "")) for count in counts if count for number in count.groups()]
    return {
        **kind,
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
    """Returns all samples and their results."""
    return [
        {"name": name, **each, "expected": result_of(each["input"], each["reply_as"])}
        for name, each in samples().items()
    ]


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="utf-8", newline="\n")
