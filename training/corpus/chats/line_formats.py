"""Reads chat exports in lines: an expression finds the header of each message, and its text goes on to the next one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .message import MAX_NAME, Message, clean, is_phrase, unmarked, written

Header = re.Match[str]


@dataclass(frozen=True)
class LineFormat:
    """A format of chats in lines."""

    kind: str  # what the export is, in words; "" if other texts look the same
    # Whether a text begins like an export; its blank lines and direction marks are left out
    begins: Callable[[str], object]
    headers: Callable[[str], Iterable[Header]]  # finds the headers of messages in an export
    message: Callable[[Header, str], Message]  # the message of a header and of the text that follows it

    def messages(self, text: str) -> Iterator[Message]:
        """Yields the messages of an export; nothing before its first header."""
        before: Header | None = None
        for header in self.headers(text):
            if before:
                yield self.message(before, header.string[before.end() : header.start()])
            before = header
        if before:
            yield self.message(before, before.string[before.end() :])


# WhatsApp: day, month and year in any order; a time with or without seconds, and words such as "PM", "p. m." or "um"
# around it. An iPhone writes both in brackets, Android before a dash. A message may quote the header of another one,
# but seldom in the style of its file, so each style is a format. signal-export: `[2023-11-05 07:04] Anna: Hello`.
_SPACE = r"[^\S\n]"
_WORDS = rf"(?:[^\W\d_]{{1,8}}\.?{_SPACE}?){{0,2}}"
_TIME = (
    rf"\d{{1,4}}(?P<between>[./-]){_SPACE}?\d{{1,2}}(?P=between){_SPACE}?\d{{1,4}}\.?[,،]?"
    rf"{_SPACE}{_WORDS}\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}})?{_SPACE}?{_WORDS}"
)
# A longer text before a colon, or one in quotes, is no name: 'Anna changed the subject to "Party: tonight"'.
_NAME = rf'(?:{_SPACE}*~?{_SPACE}*(?P<name>[^:\n"“”„«»]{{0,{MAX_NAME}}}):(?: |$))?'
_EDITED = re.compile(rf"(?:\u200e<[^<>\n]{{0,100}}>|<This message was edited>)(?={_SPACE}*$)", re.MULTILINE)
_LINKED_FILE = re.compile(r"(?:!?\[[^\]\n]{0,200}\]\([^)\n]{1,400}\)\s*)+")  # an attachment in signal-export


def _whatsapp(time: str) -> LineFormat:
    header = re.compile(rf"^{time}{_SPACE}{_NAME}", re.MULTILINE)
    return LineFormat("a WhatsApp export", header.match, lambda text: header.finditer(_marked(text)), _whatsapp_message)


def _marked(text: str) -> str:
    """Returns a text without marks, with a NUL before each text that WhatsApp wrote itself."""
    text = _EDITED.sub("", text)
    return unmarked(text.replace("\0", "").replace(": \u200e", ": \0"))


def _whatsapp_message(found: Header, text: str) -> Message:
    whole = clean(text)
    if is_phrase(whole, "WhatsApp") or _LINKED_FILE.fullmatch(whole):
        return Message()
    # Below a picture is its caption.
    return written(found["name"], text.partition("\n")[2] if text.startswith("\0") else text)


# DiscordChatExporter's text, with a frame around its head and the count at its end.
_DISCORD_HEAD = re.compile(r"={20,}\nGuild: .*\nChannel: ")
_DISCORD = re.compile(
    r"^\[\d{1,4}[./-]\d{1,2}[./-]\d{1,4}[, ] ?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s[AaPp][Mm])?\] (?P<name>\S.*)$",
    re.MULTILINE,
)
_DISCORD_END = re.compile(r"^(?:={5}.*|\{(?:Attachments|Embed|Stickers|Reactions)\}\s*)$", re.MULTILINE)


def _discord_message(found: Header, text: str) -> Message:
    end = _DISCORD_END.search(text)
    text = (text[: end.start()] if end else text).strip()
    if text == "Pinned a message.":
        return Message()
    return written(found["name"].rstrip().removesuffix(" (pinned)"), text)


# LINE: time, name and text between tabs, below a line for each day.
_LINE_TIME = r"(?:午前|午後|上午|下午|오전|오후)? ?\d{1,2}:\d{2} ?(?:[AaPp][Mm])?\t"
_LINE_DAY = (
    r"(?:(?:\w{2,4}[,.]? )?\d{1,4}[./]\d{1,2}[./]\d{1,4}(?: ?\([^)\n]{1,5}\)| \w+)?|\d{4}年\d{1,2}月\d{1,2}日\S*)\s*\n"
)
_LINE_HEAD = re.compile(
    rf"(?=\[LINE\]|.{{0,60}}(?:Chat history|のトーク履歴|的聊天記錄|대화)|{_LINE_DAY}|{_LINE_TIME})"
    rf"(?:.+\n){{0,5}}?{_LINE_TIME}[^\t\n]{{1,80}}\t"
)
_LINE = re.compile(rf"^(?:{_LINE_DAY})?{_LINE_TIME}(?:(?P<name>[^\t\n]{{1,80}})\t)?", re.MULTILINE)


def _line_message(found: Header, text: str) -> Message:
    text = text.strip()
    if "\n" in text and text.startswith('"') and text.endswith('"'):  # how LINE writes a text of several lines
        text = text[1:-1].replace('""', '"')
    return Message() if is_phrase(clean(text), "LINE", "WhatsApp") else written(found["name"], text)


# Signal Desktop through sigtop: after an empty line, some fields, an empty line, and the text.
_SIGNAL_HEAD = re.compile(r"(?:Conversation: .*\n)?From: .*\n(?:To: .*\n)?Type: ")
_SIGNAL = re.compile(r"(?:\A|(?<=\n\n))From: ?(?P<name>.*)")
_SIGNAL_NUMBER = re.compile(r" ?\((?:\+?[\d ]{5,20}|[0-9a-f-]{36})\)$")  # after a name
_SIGNAL_NOTICE = re.compile(r"^(?:Deleted:|Type:(?! ?(?:incoming|outgoing)$))", re.MULTILINE)


def _signal_message(found: Header, text: str) -> Message:
    fields, _, text = text.partition("\n\n")
    if _SIGNAL_NOTICE.search(fields):
        return Message()
    return written(_SIGNAL_NUMBER.sub("", found["name"].rstrip()), text)


# IRC: irssi, HexChat and mIRC (`07:04 <anna> hello`), and WeeChat's columns.
_IRC_TIME = r"(?:\[?(?:\d{4}-\d\d-\d\d[T ]|[A-Z][a-z]{2} \d\d )?\d{1,2}:\d\d(?::\d\d)?\]?[ \t]+)?"
_IRC_SPOKEN = (
    rf"{_IRC_TIME}<[ @+%&~!]?(?P<name>[^\s<>]{{1,30}})>"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\t(?!(?:-->|<--|--|=!=)\t)[@+%&~]?(?P<nick>\S{1,30})\t"
)
_IRC_NOTICE = rf"{_IRC_TIME}(?:\*\*\*|-!-|---?|-->|<--|=!=|==)[ \t]|\*\*\*\* "
_IRC = re.compile(
    rf"^(?:{_IRC_SPOKEN}|{_IRC_TIME}(?:\* |[ \t]\*\t)(?P<who>[^\s<>*]{{1,30}}) "
    r"(?!(?:\(?\S+\)? has (?:joined|left|quit)\b.*|.*\bsets mode\b.*|is now known as .*)$)(?=.)|.*\S.*)",
    re.MULTILINE,
)


def _begins_irc(text: str) -> bool:
    """Returns whether half of the first lines, and at least two, are lines of a log, and one of them is a message."""
    lines = text.split("\n")[:20]
    spoken = sum(bool(re.match(_IRC_SPOKEN, line)) for line in lines)
    notices = sum(bool(re.match(_IRC_NOTICE, line)) for line in lines)
    return spoken > 0 and spoken + notices >= max(2, len(lines) / 2)


def _irc_message(found: Header, text: str) -> Message:
    does = "/me " if found["who"] else ""  # `* anna waves` was typed as `/me waves`
    return written(found["name"] or found["nick"] or found["who"], does + text)


# Plain lines of `Name: text`. A name occurs at least twice in the text, or has at most three words, unlike "Once upon a
# time: …".
_NAMED = re.compile(rf"^(?P<name>[^\W_][^:\n\t]{{0,{MAX_NAME - 1}}}):(?: |$)", re.MULTILINE)


def _named_headers(text: str) -> Iterator[Header]:
    counts = Counter(found["name"] for found in _NAMED.finditer(text))
    return (each for each in _NAMED.finditer(text) if counts[each["name"]] > 1 or len(each["name"].split()) <= 3)


def _begins_named(text: str) -> bool:
    return any(found.start() == 0 for found in _named_headers(text))


LINE_FORMATS = (  # the first one that recognises a text reads it
    _whatsapp(rf"{_TIME}{_SPACE}?[-–]"),
    _whatsapp(rf"\[{_TIME}\]"),
    LineFormat("a Discord export", _DISCORD_HEAD.match, _DISCORD.finditer, _discord_message),
    LineFormat("a LINE export", _LINE_HEAD.match, _LINE.finditer, _line_message),
    LineFormat("a Signal export", _SIGNAL_HEAD.match, _SIGNAL.finditer, _signal_message),
    LineFormat("an IRC log", _begins_irc, _IRC.finditer, _irc_message),
    LineFormat("", _begins_named, _named_headers, lambda found, text: written(found["name"], text)),
)
