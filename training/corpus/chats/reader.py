"""Turns chat exports into text: the messages of any export become turns, `name: text`.

An empty line ends a turn and never occurs inside one: it is the stop string of a model trained on such a text.
Consecutive messages of one speaker are one turn of several lines. What no person wrote is left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from model import ChatFormat
from model.terminal import one_line

from ..decode import CorpusError
from .format_list import conversations
from .message import ASSISTANT_ROLES, ROLES, USER_ROLES

TURN_END = "\n\n"
_MAX_EXAMPLES, _MAX_EXAMPLE = 4, 60  # messages, and the characters of each
_MIN_EXAMPLE_COUNT = 5  # times that a message must occur to become an example
_MAX_DISTINCT = 200_000  # distinct messages that are counted


@dataclass
class _File:
    """What one file adds to a chat: the messages of each speaker, how often short messages occur, and a warning."""

    speakers: Counter[str] = field(default_factory=Counter)
    messages: Counter[tuple[str, str]] = field(default_factory=Counter)  # by speaker and text
    warning: str = ""


class ChatReader:
    """Reads chat exports file by file and counts the messages of each speaker.

    Args:
        keep_names: whether the text has the names of the speakers. Otherwise they are called A, B, … in it, in the
            order of their first messages, so that no name becomes a part of the model's format.

    Attributes:
        names: the names in the text, by the names in the export. Roles such as `user` do not change.
    """

    def __init__(self, *, keep_names: bool = False) -> None:
        self.names: dict[str, str] = {}
        self._keep_names = keep_names
        self._files: list[_File] = []

    @property
    def speakers(self) -> Counter[str]:
        """The number of messages of each speaker, by the names in the export."""
        return sum((file.speakers for file in self._files), Counter())

    @property
    def warnings(self) -> list[str]:
        """One line for the user for each file whose messages were partly left out."""
        return [file.warning for file in self._files if file.warning]

    def position(self) -> int:
        """Returns the number of files read so far, for `truncate`."""
        return len(self._files)

    def truncate(self, position: int) -> None:
        """Forgets the files that were read after this position, because they are left out of the text."""
        del self._files[position:]

    def read(self, text: str, label: str) -> str:
        """Returns the turns of one export with LF line ends, which errors call `label`.

        Raises CorpusError if it is no chat export, is damaged, or holds no message.
        """
        turns: list[list[str]] = []  # a turn is a list of messages; adding to one string would copy it each time
        file = _File()
        left_out: Counter[str] = Counter()
        for conversation in conversations(text, label):
            previous = ""
            for speaker, said, reason in conversation:
                if not speaker or not said:
                    left_out[reason] += 1
                    continue
                file.speakers[speaker] += 1
                is_example = said.isprintable() and len(said) <= _MAX_EXAMPLE
                if is_example and ((speaker, said) in file.messages or len(file.messages) < _MAX_DISTINCT):
                    file.messages[speaker, said] += 1
                if speaker == previous:
                    turns[-1].append(said)
                else:
                    turns.append([f"{self._name(speaker)}: {said}"])
                previous = speaker
        if not (count := file.speakers.total()):
            raise CorpusError(
                f"{label} has no message with a name and a text: --chat reads the exports of messengers, and JSON "
                'lines such as {"name": "Anna", "text": "Hello"}; docs/chats.md lists them'
            )
        if left_out:
            reasons = ", ".join(f"{reason}: {times:,}" for reason, times in left_out.most_common())
            total = left_out.total()
            file.warning = f"{label}: left out {total:,} of {count + total:,} messages ({reasons})"
        self._files.append(file)
        # With the line end between two files, the last one ends the turn.
        return TURN_END.join("\n".join(turn) for turn in turns) + "\n"

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
        for file in self._files:
            for (speaker, text), times in file.messages.items():
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
    """Returns the names of all speakers in a text that `ChatReader` wrote and that comes in pieces."""
    speakers: set[str] = set()
    rest, begins_turn = "", True
    for piece in (*pieces, "\n"):
        *lines, rest = (rest + piece).split("\n")
        for line in lines:
            if begins_turn and line:
                speakers.add(line.partition(": ")[0])
            begins_turn = not line
    return speakers
