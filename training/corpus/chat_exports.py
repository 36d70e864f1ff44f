"""Turns chat exports into text: WhatsApp's .txt, Telegram's result.json and JSON lines become turns, `name: text`.

An empty line ends a turn and never occurs inside one: it is the stop string of a model trained on such a text.
Consecutive messages of one speaker are one turn of several lines. Times, pictures, calls and notices of the messenger
are left out and counted.
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
_MAX_NAME = 60  # characters; a longer text before a colon is a notice of the messenger
_MAX_EXAMPLE = 60  # characters
_MIN_EXAMPLE_COUNT = 5  # times that a message must occur to become an example
_MAX_DISTINCT = 200_000  # distinct messages that are counted
_ASSISTANT_ROLES, _USER_ROLES = ("assistant", "gpt", "model", "bot"), ("user", "human")
_OTHER_ROLES = ("system", "developer", "tool", "function")  # not part of the conversation
_ROLES = (*_ASSISTANT_ROLES, *_USER_ROLES, *_OTHER_ROLES)


class Message(NamedTuple):
    """One message; without speaker or text it is a picture, a call or a notice, and is left out."""

    speaker: str
    text: str


class ChatReader:
    """Reads chat exports file by file and counts the messages of each speaker.

    Args:
        keep_names: whether the text has the names of the speakers. Otherwise they are called A, B, … in it, in the
            order of their first messages, so that no name becomes a part of the model's format.

    Attributes:
        speakers: messages by speaker, with the names in the export.
        names: the names in the text, by the names in the export. Roles such as `user` keep theirs.
        warnings: one line for the user per file of which messages were left out.
    """

    def __init__(self, *, keep_names: bool = False) -> None:
        self.speakers: Counter[str] = Counter()
        self.names: dict[str, str] = {}
        self._keep_names = keep_names
        self.warnings: list[str] = []
        self._messages: Counter[Message] = Counter()

    def read(self, text: str, label: str) -> str:
        """Returns the turns of one file as text.

        Args:
            text: the export, with LF line ends.
            label: the name of the file in errors.

        Raises:
            CorpusError: the file is no chat export, is damaged, or holds no message.
        """
        turns: list[list[str]] = []  # a turn is a list of messages; adding to one string would copy it each time
        count = left_out = 0
        for conversation in _from_json(text, label) if _is_json(text) else [_from_whatsapp(text, label)]:
            previous = ""
            for message in conversation:
                if not message.speaker or not message.text:
                    left_out += 1
                    continue
                count += 1
                self._count(message)
                if message.speaker == previous:
                    turns[-1].append(message.text)
                else:
                    turns.append([f"{self.names[message.speaker]}: {message.text}"])
                previous = message.speaker
        if not count:
            raise CorpusError(
                f"{label} has no message with a name and a text: --chat reads WhatsApp's .txt, Telegram's result.json "
                'and JSON lines such as {"name": "Anna", "text": "Hello"}'
            )
        if left_out:
            messages = f"{left_out:,} of {count + left_out:,} messages"
            self.warnings.append(f"{label}: left out {messages}, which hold no text (pictures, calls, notices)")
        # With the line end between two files, the last one ends the turn.
        return TURN_END.join("\n".join(turn) for turn in turns) + "\n"

    def format(self, reply_as: str | None = None) -> ChatFormat:
        """Returns the format in which a model of this chat is prompted.

        Args:
            reply_as: the speaker whose turns the model writes; when None, an assistant if there is one, else the
                speaker with the most messages.

        Raises:
            CorpusError: the chat has no such speaker, or only one speaker.
        """
        names = [name for name, _ in self.speakers.most_common()]
        listed = ", ".join(one_line(name, 40) for name in names[:5]) + (" …" if len(names) > 5 else "")
        if reply_as is not None and reply_as not in names:
            raise CorpusError(f"--reply-as must be one of the speakers, {listed} (got {one_line(reply_as, 60)!r})")
        if len(names) < 2:
            raise CorpusError(f"a chat needs two speakers, and this one has only {listed}: omit --chat")
        replies = reply_as or next((name for name in _ASSISTANT_ROLES if name in names), names[0])
        others = [name for name in names if name != replies]
        asks = next((name for name in _USER_ROLES if name in others), others[0])
        return ChatFormat(f"{self.names[asks]}: ", f"{TURN_END}{self.names[replies]}: ", TURN_END)

    def examples(self, chat: ChatFormat, count: int = 4) -> list[str]:
        """Returns messages to the replying speaker that occur at least 5 times; they may be private nevertheless."""
        replies = chat.opening.removesuffix(": ")
        texts: Counter[str] = Counter()
        for message, times in self._messages.items():
            if self.names[message.speaker] != replies:
                texts[message.text] += times
        return [text for text, times in texts.most_common(count) if times >= _MIN_EXAMPLE_COUNT]

    def _count(self, message: Message) -> None:
        self.speakers[message.speaker] += 1
        if message.speaker not in self.names:
            is_kept = self._keep_names or message.speaker in _ROLES
            self.names[message.speaker] = message.speaker if is_kept else _letters(len(self.names))
        if len(message.text) > _MAX_EXAMPLE or not message.text.isprintable():
            return
        if message in self._messages or len(self._messages) < _MAX_DISTINCT:
            self._messages[message] += 1


def _letters(number: int) -> str:
    """Returns A, B, …, Z, AA, AB, … for 0, 1, …."""
    letters, number = "", number + 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def has_roles_only(chat: ChatFormat) -> bool:
    """Returns whether a chat is one between roles, such as `user` and `assistant`, as in data sets."""
    return {chat.prefix.removesuffix(": "), chat.opening.removesuffix(": ")} <= {*_ROLES}


def chat_kind(head: str) -> str:
    """Returns which chat export a file that begins with `head` looks like, in words; "" for none."""
    lines = [line for line in head.split("\n") if line.strip()]
    if not lines:
        return ""
    if _is_json(lines[0]):
        if re.search(r'"type": ?"\w+_(?:chat|group|supergroup|channel)"', head) and '"messages"' in head:
            return "a Telegram export"
        try:
            messages = [_message(record) for group in _conversations([json.loads(lines[0])]) for record in group]
            return "a chat in JSON lines" if any(message.speaker and message.text for message in messages) else ""
        except (ValueError, RecursionError):
            return ""
    return "a WhatsApp export" if _HEADER.match(_unmarked(lines[0])) else ""


def _is_json(text: str) -> bool:
    """Returns whether a text begins like JSON, unlike WhatsApp's export from an iPhone, which has a bracket, too."""
    return bool(re.match(r"\s*[{\[]", text)) and not _HEADER.match(_unmarked(text[:1000].lstrip()))


# --- WhatsApp

# Day, month and year in any order; a time with or without seconds, and words such as "PM", "p. m." or "um" around it.
# An iPhone writes both in brackets, Android before a dash.
_DATE = r"\d{1,4}(?P<between>[./-])\s?\d{1,2}(?P=between)\s?\d{1,4}\.?[,،]?"
_WORDS = r"(?:[^\W\d_]{1,8}\.?\s?){0,2}"
_TIME = rf"{_WORDS}\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}})?\s?{_WORDS}"
_HEADER = re.compile(rf"(?P<bracket>\[)?{_DATE}\s{_TIME}(?(bracket)\]|\s?[-–])\s")
# Left-to-right marks and similar characters, which the messengers put around names, numbers and notices.
_MARKS = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_NOTICE = "\u200e"  # begins a line that the messenger wrote, not a person
_OMITTED = re.compile(r"<[^<>\n]{3,60}>")
_EDITED = re.compile("(?:\u200e<[^<>\n]{0,100}>|<This message was edited>)$")
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
    name, lines, style = "", [""], None
    started = False
    for number, raw in enumerate(text.split("\n"), 1):
        line = _unmarked(raw)
        header = _HEADER.match(line)
        # A message may quote the header of another one, but not in the style (brackets or dash) of this very file.
        if header and style in (None, header["bracket"] or ""):
            if started:
                yield _whatsapp_message(name, lines)
            started, style = True, header["bracket"] or ""
            name, colon, rest = line[header.end() :].partition(":")
            if not colon or not (rest.startswith(" ") or not rest) or _is_notice(name):
                name = ""
            lines = [raw.partition(": ")[2]]
        elif started:
            lines.append(raw)
        elif line.strip():
            raise CorpusError(
                f"{label}, line {number}, does not begin like a WhatsApp export (31/12/2021, 23:59 - Anna: Hello), and "
                "the file is not JSON: give the chat as the messenger exported it, or omit --chat"
            )
    if started:
        yield _whatsapp_message(name, lines)


def _is_notice(name: str) -> bool:
    """Returns whether the text before a colon is no name: 'Anna changed the subject to "Party: tonight"'."""
    return len(name) > _MAX_NAME or any(quote in name for quote in '"“”„«»')


def _whatsapp_message(name: str, lines: list[str]) -> Message:
    if lines[0].startswith(_NOTICE):  # a picture; the lines below it are its caption
        lines = lines[1:]
    text = _clean("\n".join(_unmarked(_without_edit_mark(line)) for line in lines))
    if _OMITTED.fullmatch(text) or text.rstrip(".") in _DELETED:
        text = ""
    return Message(_clean_name(name.strip().removeprefix("~")), text)


def _without_edit_mark(line: str) -> str:
    """Returns a line without the mark of an edited message at its end; only the end is searched."""
    line = line.rstrip()
    found = _EDITED.search(line, max(0, len(line) - 120))
    return line[: found.start()].rstrip() if found else line


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
    """Yields one value per line, or one value for the whole text if its first line is no value."""
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
                f"{label} is not valid JSON in line {at:,} ({what}): repair it, or give the chat as it was exported"
            ) from None


def _conversations(records: Iterable[object]) -> Iterator[list[object]]:
    """Yields the messages of one conversation at a time: consecutive single messages, or the messages of one list."""
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
    """Returns the list of messages or chats that a value is or holds; None if the value is a message itself."""
    if isinstance(record, list):
        return record
    if isinstance(record, dict):
        if isinstance(chats := record.get("chats"), dict):  # Telegram's export of all chats
            record = {"messages": chats.get("list")}
        for key in ("messages", "conversations"):
            if isinstance(inside := record.get(key), list):
                return inside
    return None


def _message(record: object) -> Message:
    """Returns a message from a record of any of the usual shapes; without speaker or text, an empty one."""
    if not isinstance(record, dict) or record.get("type") == "service":
        return Message("", "")
    role = record.get("role")
    keys = [key for key in ("name", "from", "author", "role") if key in record]
    speaker: object = role if role in _ROLES else record[keys[0]] if keys else ""
    if isinstance(speaker, dict):
        speaker = speaker.get("name") or speaker.get("role")
    if speaker is None and "from" in record:
        speaker = "Deleted Account"  # as Telegram calls it
    if not isinstance(speaker, str) or speaker in _OTHER_ROLES:
        return Message("", "")
    text = next((record[key] for key in ("text", "content", "message", "value") if key in record), "")
    return Message(_clean_name(speaker), _clean(_plain(text)))


def _plain(text: object) -> str:
    """Joins a text that is one string, or a list of strings, links, mentions and pictures."""
    parts = text if isinstance(text, list) else [text]
    found = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "".join(part for part in found if isinstance(part, str))


# --- cleaning


def _clean(text: str) -> str:
    """Removes empty lines, which would end a turn, and characters that are no text."""
    lines = re.split("\r\n|\r|\n", _only_text(text))
    return "\n".join(line.rstrip() for line in lines if line.strip()).strip()


def _clean_name(name: str) -> str:
    return " ".join(_only_text(name).split())[:_MAX_NAME].rstrip(" :")


def _only_text(text: str) -> str:
    """Removes NULs and replaces unpaired surrogates by U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text.replace("\0", ""))
