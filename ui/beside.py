"""A second model beside the first: the same prompts, settings and seeds, in a conversation of its own.

The page's second view shows it. It follows the first conversation: whatever makes that one write is done here too, a
moment later, with what was drawn there; stopping, undoing and clearing are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from model import Sequence as Part

from . import moves
from .conversation import Conversation
from .settings import RefusalError, check_speed
from .shelf import Served, Shelf

NOBODY = "-"
_SIDE = ", side by side"

Follow = Callable[["Companion", Conversation, Served, moves.Settings], bool]


class Companion(Conversation):
    """The conversation beside the first.

    Attributes:
        answered: the last part of the first one that was followed.
        turns_there: how many turns the first one had then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answered: Part | None = None
        self.turns_there = 0

    def follow(self, first: Conversation, served: Served, step: Follow, *, speed: object, owner: str) -> bool:
        """Does what the first has just done; returns whether there was something to do.

        Raises:
            RefusalError: it cannot be done.
        """
        part = first.turns[-1].parts[-1] if first.turns else None
        if part is None or part is self.answered or self.writing:
            return False
        self.answered, self.turns_there = part, len(first.turns)
        if first.turns[-1].served is served:
            raise RefusalError("", "This is the first model too: choose another to stand beside it.")
        params = replace(part.params, stop="")  # the first one's, in a chat
        return step(self, first, served, moves.Settings(params, check_speed(speed), owner))

    def undo_as(self, first: Conversation) -> None:
        """Takes the last turn away if the first has lost one."""
        if len(first.turns) < self.turns_there and self.turns:
            self.turns.pop()
        self.turns_there, self.refusal = len(first.turns), ""


def send(second: Companion, first: Conversation, served: Served, settings: moves.Settings) -> bool:
    moves.send(second, served, settings, first.turns[-1].prompt)
    return True


def retry(second: Companion, first: Conversation, served: Served, settings: moves.Settings) -> bool:
    if not second.turns:
        return send(second, first, served, settings)
    moves.retry(second, served, settings)
    return True


def go_on(second: Companion, first: Conversation, served: Served, settings: moves.Settings) -> bool:
    if len(first.turns[-1].parts) == 1:  # in a chat another turn
        return send(second, first, served, settings)
    if not second.turns or second.turns[-1].served is not served or second.turns[-1].over:
        return False
    moves.go_on(second, served, settings)
    return True


def choices(names: Sequence[str]) -> list[tuple[str, str]]:
    """What can stand beside the model that is chosen: what the page says, and the value."""
    return [("no other", NOBODY), *((name + _SIDE, name) for name in names)]


def chosen(value: object, shelf: Shelf) -> Served | None:
    """The model that stands beside the first; None is nobody.

    Raises:
        RefusalError: there is none of this name, or it still loads.
    """
    return None if value == NOBODY else shelf.get(value)
