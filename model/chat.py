"""How a model that has read conversations is talked to: what stands around a turn in the text that it has read.

A turn is wrapped as the text has it, the model is given the other's, and its own ends where the text's would. Three
strings in config.json, so that any language can do the same. Knows text only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

MAX_CHAT = 100  # characters of each string


@dataclass(frozen=True)
class ChatFormat:
    """What a conversation looks like: ``prefix + what is said + suffix``, then the reply, then ``stop``.

    Attributes:
        prefix: before what a visitor says, such as ``"Anna: "``.
        suffix: after it, up to the reply, such as ``"\\n\\nBen: "``.
        stop: where a turn ends, such as ``"\\n\\n"``.

    Raises:
        ValueError: one of them is no text of at most 100 characters, or ``stop`` is empty.
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
        """What stands before a turn of the model's that follows a turn's end."""
        return self.suffix.removeprefix(self.stop)

    def wrap(self, said: str) -> str:
        """What the model reads before it replies.

        Args:
            said: what a visitor says; nothing lets the model speak by itself. A stop inside, which would end the
                turn, becomes its first character, or a space if it has only one.
        """
        instead = self.stop[0] if len(self.stop) > 1 else " "
        inside = instead.join(part for each in said.split(self.stop) if (part := each.strip()))
        return self.prefix + inside + self.suffix if inside else self.opening
