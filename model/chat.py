"""The chat format of a model that was trained on conversations: the strings around a message.

The three strings are in config.json, so that programs in any language can chat with the model.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

MAX_CHAT = 100  # characters of each string


@dataclass(frozen=True)
class ChatFormat:
    """A turn of a conversation is `prefix + message + suffix`, then the model's reply, then `stop`.

    Attributes:
        prefix: before a message, such as `"Anna: "`.
        suffix: between a message and the reply, such as `"\\n\\nBen: "`.
        stop: the end of the reply, such as `"\\n\\n"`.

    Raises:
        ValueError: a string has over 100 characters, or `stop` is empty.
    """

    prefix: str
    suffix: str
    stop: str

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, str) or len(value) > MAX_CHAT:
                raise ValueError(f"chat {name} is {value!r:.40}: it must be a text of at most {MAX_CHAT} characters")
        if not self.stop:
            raise ValueError("chat stop is empty: it must say where a turn ends")

    @property
    def opening(self) -> str:
        """The prompt of a turn of the model that follows another turn without a message between them."""
        return self.suffix.removeprefix(self.stop)

    def wrap(self, message: str) -> str:
        """Returns the prompt for a message; for an empty message `opening`.

        A `stop` inside the message would end the turn. It is replaced by its first character, or by a space if it has
        only one.
        """
        replacement = self.stop[0] if len(self.stop) > 1 else " "
        inside = replacement.join(part for each in message.split(self.stop) if (part := each.strip()))
        return self.prefix + inside + self.suffix if inside else self.opening
