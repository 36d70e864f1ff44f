"""Reads chat exports in JSON: `formats.json` says where each has the names and texts, and what it leaves out.

A path such as `author.name` leads through the keys of objects; of a list it takes the first object that has the key.
Several paths are divided by spaces: the first one that leads to a value counts, and a value that is not empty first.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from types import UnionType
from typing import Any

from ..decode import CorpusError
from .message import FORMATS, ROLES, Message, written

Record = dict[str, Any]
_TYPES = {"object": dict, "list": list}


@dataclass(frozen=True, kw_only=True)
class JsonFormat:
    """A format of chats in JSON."""

    # Paths in a message
    speaker: str
    text: str
    # By path, the type or an expression of what an object has that holds a conversation
    needs: dict[str, str] = field(default_factory=dict)
    messages: str = "messages"  # the key of the messages in such an object; "" if it is a message itself
    joint: str = ""  # what joins a text in several parts
    repair: str = ""  # the name of what is done to each name and each text
    # Paths and an expression. A message is left out if the expression matches the value there, or if that is not empty
    # and the expression is "". The paths `speaker` and `text` are those of the format.
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def fits(self, value: object) -> bool:
        """Returns whether a value is an object that has what this format needs."""
        found = ((need, _at(value, path)) for path, need in self.needs.items())
        return isinstance(value, dict) and all(
            isinstance(each, _TYPES[need]) if need in _TYPES else isinstance(each, str) and re.fullmatch(need, each)
            for need, each in found
        )

    def conversation(self, value: Any) -> list[Message]:
        """Returns the messages of an object that fits."""
        messages = _branch(value) if self.messages == "branch of ChatGPT" else value[self.messages]
        records = [each for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []
        # Messenger has the newest message first.
        records.sort(key=lambda record: _at(record, "timestamp_ms timestamp", int | float) or 0)
        return [self.message(record) for record in records]

    def message(self, record: object) -> Message:
        """Returns the message in a record; without speaker or text, one that is left out."""
        if not isinstance(record, dict):
            return Message()
        repair = _REPAIRS[self.repair]
        if (speaker := record.get("role")) not in ROLES:  # a data set may also have a name
            speaker = repair(_at(record, self.speaker, str) or "")
        if not speaker and record.get("from", "") is None:
            speaker = "Deleted Account"  # as Telegram calls it
        text = repair(plain(_at(record, self.text, str | list), self.joint))
        seen = {**record, "speaker": speaker, "text": text}
        for paths, expression in self.left_out:
            value = _at(seen, paths, str | int) if expression else _at(seen, paths)
            if re.fullmatch(expression, str(value)) if expression and value is not None else value:
                return Message()
        return written(speaker, text)


def _at(value: object, paths: str, kind: type | UnionType = object) -> Any:
    """Returns the value of this kind at the first path that leads to one, and one that is not empty first, or None."""
    empty: object = None
    for path in _keys(paths):
        found = value
        for key in path:
            if isinstance(found, list):
                found = next((each for each in found if isinstance(each, dict) and key in each), None)
            found = found.get(key) if isinstance(found, dict) else None
        if found and isinstance(found, kind):
            return found
        if empty is None and isinstance(found, kind):
            empty = found
    return empty


@cache
def _keys(paths: str) -> list[list[str]]:
    return [path.split(".") for path in paths.split()]


def plain(text: object, joint: str = "") -> str:
    """Returns the text of a string, or of a list of strings and objects with a `text`; "" for any other value."""
    parts = text if isinstance(text, list) else [text]
    found = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return joint.join(part for part in found if isinstance(part, str))


def _branch(conversation: Record) -> list[Record]:
    """Returns the messages of ChatGPT's branch that was shown last."""
    nodes: dict[str, Any] = conversation["mapping"]
    at = conversation.get("current_node") or next(reversed(nodes), None)
    found: dict[str, Record] = {}
    while isinstance(at, str) and isinstance(node := nodes.get(at), dict) and at not in found:
        found[at] = node  # a damaged file may lead in a circle
        at = node.get("parent")
    return [node["message"] for node in reversed(found.values()) if isinstance(node.get("message"), dict)]


def _links_of_slack(text: str) -> str:
    """Returns what Slack shows for &amp;, <https://…|label>, <@U123>, <#C123|name> and <!here>."""

    def shown(link: re.Match[str]) -> str:
        sign = link[1].replace("!", "@")
        return sign + (link[3] or link[2]).removeprefix(sign)

    return html.unescape(re.sub(r"<([@#!]?)([^<>|\n]+)(?:\|([^<>\n]*))?>", shown, text))


def _bytes_of_meta(text: str) -> str:
    """Returns a text of which Meta wrote each byte of UTF-8 as a character ("é" is "Ã©"), or another one unchanged."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


_REPAIRS: dict[str, Callable[[str], str]] = {
    "": str,
    "links of Slack": _links_of_slack,
    "bytes of Meta": _bytes_of_meta,
}
*_FORMATS, _MESSAGES = (JsonFormat(**row) for row in FORMATS["JSON"].values())  # the last one fits any object


def json_conversations(values: Iterable[object]) -> Iterator[list[Message]]:
    """Yields the messages of one conversation at a time: of a list, of an object, or consecutive single messages."""
    consecutive: list[Message] = []
    for value in values:
        form = next((each for each in _FORMATS if each.fits(value)), _MESSAGES)
        inside = _inside(value) if form is _MESSAGES else None
        if form.messages or inside is not None:
            yield consecutive
            consecutive = []
            yield from json_conversations(inside) if inside is not None else [form.conversation(value)]
        else:
            consecutive.append(form.message(value))
    yield consecutive


def _inside(value: object) -> list[object] | None:
    """Returns the list that a value is or holds, or the messages of `user` and `assistant` in instructions; or None."""
    if not isinstance(value, dict):
        return value if isinstance(value, list) else None
    for asks, answers in FORMATS["instructions"]:
        if asks in value and answers in value:
            asked = f"{plain(value[asks])}\n{plain(value.get('input'))}"
            return [{"role": "user", "content": asked}, {"role": "assistant", "content": value[answers]}]
    inside = _at(value, "messages conversations chats.list", list)  # the last one in Telegram's export of all chats
    return inside if isinstance(inside, list) else None


def json_values(text: str, label: str) -> Iterator[object]:
    """Yields one value per line, or one for the whole text if its first line is none; CorpusError if it is no JSON."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    try:
        json.loads(lines[0][1])
    except (ValueError, RecursionError):
        lines = [(1, text)]
    for number, line in lines:
        try:
            yield json.loads(line)
        except ValueError as error:
            at = number + getattr(error, "lineno", 1) - 1
            what = getattr(error, "msg", "a number is too long")
            raise CorpusError(
                f"{label} is not valid JSON in line {at:,} ({what}): repair it, or give the chat as it was exported"
            ) from error
