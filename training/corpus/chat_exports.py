"""Chat exports to text: WhatsApp's .txt, Telegram's result.json and JSON lines become turns, ``name: what was said``.

An empty line ends a turn, and none is inside one, so that a model can be told where its own ends. What a speaker says
in a row is one turn of several lines. Times, pictures, calls and the notices of the messenger are left out and
counted. Knows neither files nor models, but how a model of such a text is talked to: ``ChatFormat``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from model import ChatFormat
from model.terminal import one_line

from .decode import CorpusError

TURN_END = "\n\n"
_NAME_MOST = 60  # characters of a name; what is longer before a colon is a notice of the messenger
_EXAMPLE_MOST = 60
_OFTEN = 5
_COUNTED = 200_000  # different things that are said, of which the frequent ones become examples
_REPLYING, _ASKING = ("assistant", "gpt", "model", "bot"), ("user", "human")  # what programs call the two sides
_NOT_SAID = {"system", "developer", "tool", "function"}


class Message(NamedTuple):
    """What someone said; nothing is what had no text."""

    speaker: str
    text: str


class ChatReader:
    """Reads exports, file by file, and notes who speaks in them.

    Attributes:
        speakers: how many messages are whose.
        warnings: what a person should know of what was left out.
    """

    def __init__(self) -> None:
        self.speakers: Counter[str] = Counter()
        self.warnings: list[str] = []
        self._said: Counter[Message] = Counter()

    def read(self, text: str, label: str) -> str:
        """The turns of one file's text.

        Args:
            text: of an export, line ends as LF.
            label: what to call the file.

        Raises:
            CorpusError: it is none, is damaged, or nobody says anything in it.
        """
        turns: list[str] = []
        said = left_out = 0
        for conversation in _from_json(text, label) if _is_json(text) else [_from_whatsapp(text, label)]:
            before = ""
            for message in conversation:
                if not message.speaker or not message.text:
                    left_out += 1
                    continue
                said += 1
                self._count(message)
                if message.speaker == before:
                    turns[-1] += f"\n{message.text}"
                else:
                    turns.append(f"{message.speaker}: {message.text}")
                before = message.speaker
        if not said:
            raise CorpusError(
                f"{label} has no message with a name and a text: a chat is WhatsApp's .txt, Telegram's result.json, "
                'or JSON lines such as {"name": "Anna", "text": "Hello"}'
            )
        if left_out:
            self.warnings.append(
                f"{label}: {left_out:,} of {said + left_out:,} messages hold no text (pictures, calls, notices) and "
                "are left out"
            )
        return TURN_END.join(turns) + "\n"  # with the line end between files a turn's end

    def format(self, reply_as: str | None = None) -> ChatFormat:
        """How a model of this chat is talked to.

        Args:
            reply_as: whose part the model takes; when None that of a program, else of who says most.

        Raises:
            CorpusError: nobody of this name speaks, or nobody else.
        """
        names = [name for name, _ in self.speakers.most_common()]
        listed = ", ".join(one_line(name, 40) for name in names[:5]) + (" …" if len(names) > 5 else "")
        if reply_as is not None and reply_as not in names:
            raise CorpusError(f"--reply-as is {one_line(reply_as, 60)!r}, and nobody of that name speaks: {listed}")
        if len(names) < 2:
            raise CorpusError(f"only {listed} speaks in this chat, and it takes two: leave --chat away")
        replies = reply_as or next((name for name in _REPLYING if name in names), names[0])
        others = [name for name in names if name != replies]
        asks = next((name for name in _ASKING if name in others), others[0])
        return ChatFormat(f"{asks}: ", f"{TURN_END}{replies}: ", TURN_END)

    def examples(self, chat: ChatFormat, count: int = 4) -> list[str]:
        """What others often say to the one who replies: only what was said many times, so nothing private."""
        replies = chat.opening.removesuffix(": ")
        often: Counter[str] = Counter()
        for message, times in self._said.items():
            if message.speaker != replies:
                often[message.text] += times
        return [text for text, times in often.most_common(count) if times >= _OFTEN]

    def _count(self, message: Message) -> None:
        self.speakers[message.speaker] += 1
        text = message.text
        if len(text) <= _EXAMPLE_MOST and text.isprintable() and (message in self._said or len(self._said) < _COUNTED):
            self._said[message] += 1


def chat_kind(head: str) -> str:
    """What kind of chat a file that begins like this looks like, in words; "" when it looks like none."""
    lines = [line for line in head.split("\n") if line.strip()]
    if not lines:
        return ""
    if _is_json(lines[0]):
        if re.search(r'"type": ?"\w+_(?:chat|group|supergroup|channel)"', head) and '"messages"' in head:
            return "a Telegram export"
        try:
            records = _conversations([json.loads(lines[0])])
            return "a chat in JSON lines" if any(_message(each).text for group in records for each in group) else ""
        except (ValueError, RecursionError):
            return ""
    return "a WhatsApp export" if _HEADER.match(_unmarked(lines[0])) else ""


def _is_json(text: str) -> bool:
    """Whether it begins as JSON does; an iPhone's date begins with a bracket too."""
    return bool(re.match(r"\s*[{\[]", text)) and not _HEADER.match(_unmarked(text[:1000].lstrip()))


# --- WhatsApp

# Numbers in any order; a time with or without seconds, and words such as "PM", "p. m." or "um" around it. The file of
# an iPhone has them in brackets, that of Android before a dash.
_DATE = r"\d{1,4}(?P<between>[./-])\s?\d{1,2}(?P=between)\s?\d{1,4}\.?[,،]?"
_WORDS = r"(?:[^\W\d_]{1,8}\.?\s?){0,2}"
_TIME = rf"{_WORDS}\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}})?\s?{_WORDS}"
_HEADER = re.compile(rf"(?P<bracket>\[)?{_DATE}\s{_TIME}(?(bracket)\]|\s?[-–])\s")
# Left-to-right marks and their like, which the messengers put around names, numbers and notices.
_MARKS = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_NOTICE = "\u200e"  # begins what no person has typed
_OMITTED = re.compile(r"<[^<>\n]{3,60}>")
_EDITED = re.compile("\\s*(?:\u200e<[^<>\n]*>|<This message was edited>)$")
_DELETED = {
    "This message was deleted",
    "You deleted this message",
    "Diese Nachricht wurde gelöscht",
    "Du hast diese Nachricht gelöscht",
    "Se eliminó este mensaje",
    "Eliminaste este mensaje",
    "Ce message a été supprimé",
    "Vous avez supprimé ce message",
    "Mensagem apagada",
    "Questo messaggio è stato eliminato",
}


def _from_whatsapp(text: str, label: str) -> Iterator[Message]:
    name, said, style = "", [""], None
    begun = False
    for number, raw in enumerate(text.split("\n"), 1):
        line = _unmarked(raw)
        header = _HEADER.match(line)
        # A message may quote a line that looks like the beginning of one, but not in this file's own style.
        if header and style in (None, header["bracket"] or ""):
            if begun:
                yield _whatsapp_message(name, said)
            begun, style = True, header["bracket"] or ""
            name, colon, rest = line[header.end() :].partition(":")
            if not colon or not (rest.startswith(" ") or not rest) or _is_notice(name):
                name = ""
            said = [raw.partition(": ")[2]]
        elif begun:
            said.append(raw)
        elif line.strip():
            raise CorpusError(
                f"{label}, line {number}, does not begin like a WhatsApp export (31/12/2021, 23:59 - Anna: Hello), and "
                "the file is no JSON: give the chat as the messenger exported it, or leave --chat away"
            )
    if begun:
        yield _whatsapp_message(name, said)


def _is_notice(name: str) -> bool:
    """Whether what stands before a colon is no name: 'Anna changed the subject to "Party: tonight"'."""
    return len(name) > _NAME_MOST or any(quote in name for quote in '"“”„«»')


def _whatsapp_message(name: str, lines: list[str]) -> Message:
    if lines[0].startswith(_NOTICE):  # a picture; what stands below it is its caption
        lines = lines[1:]
    text = _clean("\n".join(_unmarked(_EDITED.sub("", line)) for line in lines))
    if _OMITTED.fullmatch(text) or text.rstrip(".") in _DELETED:
        text = ""
    return Message(_clean_name(name.strip().removeprefix("~")), text)


def _unmarked(text: str) -> str:
    return text.translate(_MARKS)


# --- Telegram and JSON lines


def _from_json(text: str, label: str) -> Iterator[list[Message]]:
    try:
        for records in _conversations(_json_values(text, label)):
            yield [_message(record) for record in records]
    except RecursionError:
        raise CorpusError(f"{label} is nested too deeply for a chat: give it as it was exported") from None


def _json_values(text: str, label: str) -> Iterator[object]:
    """One value a line; or, when the first line is none by itself, one value in all."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    try:
        json.loads(lines[0][1])
    except ValueError:
        lines = [(1, text)]
    for number, line in lines:
        try:
            yield json.loads(line)
        except ValueError as error:
            at = number + getattr(error, "lineno", 1) - 1
            what = getattr(error, "msg", "a number is too long")
            raise CorpusError(
                f"{label} is no JSON in line {at:,} ({what}): repair it, or give the chat as it was exported"
            ) from None


def _conversations(records: Iterable[object]) -> Iterator[list[object]]:
    """Messages that belong together: those that follow each other, and those in a list of their own."""
    loose: list[object] = []
    for record in records:
        inside = _messages_in(record)
        if inside is None:
            loose.append(record)
            continue
        if loose:
            yield loose
            loose = []
        yield from _conversations(inside)
    if loose:
        yield loose


def _messages_in(record: object) -> list[object] | None:
    """The list of messages, or of chats, that a value is or holds; None for a message."""
    if isinstance(record, list):
        return record
    if isinstance(record, dict):
        if isinstance(chats := record.get("chats"), dict):  # Telegram's export of everything
            record = {"messages": chats.get("list")}
        for key in ("messages", "conversations"):
            if isinstance(inside := record.get(key), list):
                return inside
    return None


def _message(record: object) -> Message:
    """A message of any of the usual shapes; one without speaker or text says nothing."""
    if not isinstance(record, dict) or record.get("type") == "service":
        return Message("", "")
    role = record.get("role")
    keys = [key for key in ("name", "from", "author", "role") if key in record]
    speaker: object = role if role in (*_REPLYING, *_ASKING, *_NOT_SAID) else record[keys[0]] if keys else ""
    if isinstance(speaker, dict):
        speaker = speaker.get("name") or speaker.get("role")
    if speaker is None and "from" in record:
        speaker = "Deleted Account"  # as Telegram calls it
    if not isinstance(speaker, str) or speaker in _NOT_SAID:
        return Message("", "")
    text = next((record[key] for key in ("text", "content", "message", "value") if key in record), "")
    return Message(_clean_name(speaker), _clean(_plain(text)))


def _plain(text: object) -> str:
    """A text that is one string, or parts of which some are links, mentions or pictures."""
    parts = text if isinstance(text, list) else [text]
    found = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "".join(part for part in found if isinstance(part, str))


# --- what may stand in a turn


def _clean(text: str) -> str:
    """Without empty lines, which end a turn, and without what is no text: half of a surrogate pair, a NUL."""
    lines = re.split("\r\n|\r|\n", _without_halves(text))
    return "\n".join(line.rstrip() for line in lines if line.strip()).strip()


def _clean_name(name: str) -> str:
    return " ".join(_without_halves(name).split())[:_NAME_MOST].rstrip(" :")


def _without_halves(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text.replace("\0", ""))
