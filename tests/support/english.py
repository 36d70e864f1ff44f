"""The English text of messages as the page receives them."""

from __future__ import annotations

from typing import Any

from ui.messages import Message


def english(message: Any, joint: str = " ") -> str:
    """The text of a message, of one in JSON, or of several with a joint between them."""
    if isinstance(message, dict):
        values = {name: _value(value) for name, value in message.get("values", {}).items()}
        return str(Message(message["id"], **values))
    if isinstance(message, list | tuple):
        return joint.join(english(each) for each in message)
    return "" if message is None else str(message)


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(each) for each in value]
    return english(value) if isinstance(value, dict) else value
