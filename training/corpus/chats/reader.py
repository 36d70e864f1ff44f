"""Turns chat exports into text: the messages of any export become turns, `name: text`.

An empty line ends a turn and never occurs inside one: it is the stop string of a model trained on such a text.
Consecutive messages of one speaker are one turn of several lines. What no person wrote is left out and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

from model import ChatFormat
from model.terminal import one_line

from ..decode import CorpusError
from .json_formats import json_conversations, json_values
from .line_formats import LINE_FORMATS, LineFormat
from .message import ASSISTANT_ROLES, FORMATS, ROLES, USER_ROLES, Message, unmarked

TURN_END = "\n\n"
_MAX_EXAMPLES, _MAX_EXAMPLE = 4, 60  # messages, and the characters of each
_MIN_EXAMPLE_COUNT = 5  # times that a message must occur to become an example


class ChatReader:
    """Reads chat exports file by file and counts the messages of each speaker; equal files count once.

    Args:
        keep_names: whether the text has the names of the speakers. Otherwise they are called A, B, … in it, in the
            order of their first messages, so that no name becomes a part of the model's format.
    """

    def __init__(self, *, keep_names: bool = False) -> None:
        self.names: dict[str, str] = {}  # in the text, by the names in the export; roles such as `user` do not change
        self.speakers: Counter[str] = Counter()  # the number of messages of each speaker, by the names in the export
        self.warnings: list[str] = []  # one line for the user for each file whose messages were partly left out
        self._keep_names = keep_names
        self._messages: Counter[tuple[str, str]] = Counter()  # how often short messages occur, by speaker and text
        self._read: set[int] = set()  # the hashes of the texts that were read

    def read(self, text: str, label: str) -> str:
        """Returns the turns of one export with LF line ends, which errors call `label`.

        Raises CorpusError if it is no chat export, is damaged, or holds no message.
        """
        turns: list[list[str]] = []  # a turn is a list of messages; adding to one string would copy it each time
        speakers: Counter[str] = Counter()
        messages: Counter[tuple[str, str]] = Counter()
        left_out = 0
        for conversation in conversations(text, label):
            previous = ""
            for speaker, said in conversation:
                if not speaker or not said:
                    left_out += 1
                    continue
                speakers[speaker] += 1
                if said.isprintable() and len(said) <= _MAX_EXAMPLE:
                    messages[speaker, said] += 1
                if speaker == previous:
                    turns[-1].append(said)
                else:
                    turns.append([f"{self._name(speaker)}: {said}"])
                previous = speaker
        if not speakers:
            raise CorpusError(
                f"{label} has no message with a name and a text: --chat reads the exports of messengers, and JSON "
                'lines such as {"name": "Anna", "text": "Hello"}; docs/chats.md lists them'
            )
        # With the line end between two files, the last one ends the turn.
        read = TURN_END.join("\n".join(turn) for turn in turns) + "\n"
        if hash(read) not in self._read:
            self._read.add(hash(read))
            self.speakers += speakers
            self._messages += messages
            if left_out:
                every = left_out + speakers.total()
                self.warnings.append(
                    f"{label}: left out {left_out:,} of {every:,} messages: notices, calls, files and the like"
                )
        return read

    def _name(self, speaker: str) -> str:
        is_kept = self._keep_names or speaker in ROLES
        return self.names.setdefault(speaker, speaker if is_kept else _letters(len(self.names)))

    def format(self, reply_as: str | None = None) -> ChatFormat:
        """Returns the format in which a model of this chat is prompted.

        Args:
            reply_as: the speaker whose turns the model writes; None for the assistant if there is one, else the
                speaker with the most messages.

        Raises:
            CorpusError: the chat has no such speaker, or only one speaker.
        """
        names = [name for name, _ in self.speakers.most_common()]
        listed = ", ".join(one_line(name, 40) for name in names[:5]) + (" …" if len(names) > 5 else "")
        if reply_as is not None and reply_as not in names:
            raise CorpusError(f"--reply-as is {one_line(reply_as, 60)!r}: it must be one of the speakers, {listed}")
        if len(names) < 2:
            raise CorpusError(f"a chat needs two speakers, and this one has only {listed}: omit --chat")
        replies = reply_as or next((name for name in ASSISTANT_ROLES if name in names), names[0])
        others = [name for name in names if name != replies]
        asks = next((name for name in USER_ROLES if name in others), others[0])
        return ChatFormat(f"{self.names[asks]}: ", f"{TURN_END}{self.names[replies]}: ", TURN_END)

    def examples(self, chat: ChatFormat) -> list[str]:
        """Returns up to 4 messages to the replying speaker that occur at least 5 times; they may still be private."""
        replies = chat.opening.removesuffix(": ")
        texts: Counter[str] = Counter()
        for (speaker, text), times in self._messages.items():
            if self.names[speaker] != replies:
                texts[text] += times
        return [text for text, times in texts.most_common(_MAX_EXAMPLES) if times >= _MIN_EXAMPLE_COUNT]


def _letters(number: int) -> str:
    """Returns A, B, …, Z, AA, AB, … for 0, 1, …."""
    letters, number = "", number + 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def speakers_of(pieces: Iterable[str]) -> set[str]:
    """Returns the names of all speakers in a text that `ChatReader` wrote; the text may be cut anywhere."""
    speakers: set[str] = set()
    rest = ""
    for piece in chain(pieces, [TURN_END]):
        *turns, rest = (rest + piece).split(TURN_END)
        speakers |= {turn.partition(": ")[0] for turn in turns if turn}
    return speakers


def chat_kind(head: str) -> str:
    """Returns which chat export a file that begins with `head` looks like, in words; "" for none.

    Plain lines of `Name: text` do not count: a play has them, too.
    """
    if found := _line_format(head):
        return found.kind
    if not _begins_like_json(head):
        return ""
    try:
        groups = [*json_conversations(json_values(head.strip().partition("\n")[0], ""))]
    except (CorpusError, RecursionError):  # the beginning of a longer value
        groups = []
    is_chat = any(each.speaker and each.text for group in groups for each in group)
    return "a chat in JSON" if is_chat or re.search(FORMATS["sign"], head) else ""


def conversations(text: str, label: str) -> Iterator[Iterable[Message]]:
    """Yields the messages of one conversation at a time; CorpusError if the file is no chat export, or is damaged."""
    if found := _line_format(text[:20_000]):
        yield found.messages(text)
    elif _begins_like_json(text):
        try:
            yield from json_conversations(json_values(text, label))
        except RecursionError:
            raise CorpusError(f"{label} is nested too deeply for a chat: give it as it was exported") from None
    else:
        number = next((number for number, line in enumerate(text.split("\n"), 1) if line.strip()), 1)
        raise CorpusError(
            f"{label}, line {number}, does not begin like a chat (31/12/2021, 23:59 - Anna: Hello, or Anna: Hello), "
            "and the file is not JSON: give the chat as the messenger exported it, or omit --chat"
        )


def _line_format(head: str) -> LineFormat | None:
    beginning = "\n".join(line for line in unmarked(head).split("\n") if line.strip())
    return next((each for each in LINE_FORMATS if each.begins(beginning)), None)


def _begins_like_json(text: str) -> bool:
    return re.match(r"\s*[{\[]", text) is not None
