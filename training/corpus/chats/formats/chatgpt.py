"""Reads conversations.json of ChatGPT's data export: of each conversation the branch that was shown last."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..message import MEDIA, OTHER_ROLES, SYSTEM, Message, left_out, written
from ..values import plain, records_in, string

KIND = "an export of ChatGPT"
HINT = re.compile(r'"mapping": ?\{[\s\S]*"(?:author|message|children|parent)"')


def conversations(value: object) -> Iterator[list[Message]] | None:
    """Returns the messages of each conversation; None if a value is no export of ChatGPT."""
    records = records_in(value) if isinstance(value, list) else [value] if isinstance(value, dict) else []
    if not records or not all(isinstance(each.get("mapping"), dict) for each in records):
        return None
    return (_branch(each) for each in records)


def _branch(conversation: dict[str, object]) -> list[Message]:
    nodes = conversation["mapping"]
    if not isinstance(nodes, dict):
        return []
    at: object = conversation.get("current_node") or next(reversed(nodes), None)
    found: list[Message] = []
    seen: set[str] = set()
    while isinstance(at, str) and isinstance(node := nodes.get(at), dict) and at not in seen:
        seen.add(at)  # a damaged file may lead in a circle
        if isinstance(message := node.get("message"), dict):
            found.append(_message(message))
        at = node.get("parent")
    return found[::-1]


def _message(message: dict[str, object]) -> Message:
    role, content = string(message.get("author"), "role"), message.get("content")
    kind = string(content, "content_type") or "text"
    if role in OTHER_ROLES or kind not in ("text", "multimodal_text"):
        return left_out(SYSTEM)  # what the model wrote to a tool, its code and its thoughts
    parts = content.get("parts") if isinstance(content, dict) else ""
    found = written(role, plain(parts))
    return left_out(MEDIA) if not found.text and kind == "multimodal_text" else found
