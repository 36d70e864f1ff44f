"""Two models side by side: a second conversation with the same prompts, settings and seeds as the first.

The page's second view shows it. Every move of the first conversation is repeated here a moment later, with the seed
that was drawn there. Stop, Undo and Clear act on both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from model import SamplingParams
from model import Sequence as Part

from ..messages import RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..settings import PAGE_SETTINGS, check_speed, refused
from . import moves
from .branches import MOST
from .conversation import Conversation
from .turn import Turn

NOBODY = "-"
_BLENDED = "+ "  # before the name of a model that is blended with the first instead of shown side by side

Follow = Callable[["Companion", Conversation, LoadedModel, moves.Settings], bool]


class Companion(Conversation):
    """The conversation of the second model.

    Attributes:
        answered: the last part of the first conversation that was repeated here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answered: Part | None = None
        self._partners: dict[int, list[Turn]] = {}  # the turns here, by the number of the last one there

    def follow(self, first: Conversation, served: LoadedModel, step: Follow, *, speed: object, client_id: str) -> bool:
        """Repeats the last move of the first conversation. Returns whether there was one to repeat.

        Raises:
            RefusalError: the move is refused.
        """
        part = first.turns[-1].parts[-1] if first.turns else None
        if part is None or part is self.answered or self.writing:
            return False
        self.answered = part
        if first.turns[-1].served is served:
            raise RefusalError("refusal.same_second")
        params = replace(part.params, stop="", share=None)  # the first one's, in a chat or a blend
        done = step(self, first, served, moves.Settings(params, check_speed(speed), client_id))
        self._partners[first.turns[-1].number] = list(self.turns)
        for number in list(self._partners)[:-MOST]:
            del self._partners[number]
        return done

    def stand_as(self, first: Conversation) -> None:
        """Shows the turns that belong to the last turn of the first conversation."""
        last = first.turns[-1] if first.turns else None
        while last and last.number not in self._partners:
            last = last.earlier  # what it was cut from, of which nothing is known here
        self.turns = list(self._partners[last.number]) if last else []
        self.refusal = None

    def clear(self) -> None:
        super().clear()
        self._partners.clear()

    def _tree(self) -> str:
        """No tree: the visitor switches between branches in the first view."""
        return ""


def send(second: Companion, first: Conversation, served: LoadedModel, settings: moves.Settings) -> bool:
    moves.send(second, served, settings, first.turns[-1].prompt)
    return True


def retry(second: Companion, first: Conversation, served: LoadedModel, settings: moves.Settings) -> bool:
    if not second.turns:
        return send(second, first, served, settings)
    moves.retry(second, served, settings)
    return True


def continue_reply(second: Companion, first: Conversation, served: LoadedModel, settings: moves.Settings) -> bool:
    if len(first.turns[-1].parts) == 1:  # in a chat another turn
        return send(second, first, served, settings)
    if not second.turns or second.turns[-1].served is not served or second.turns[-1].over:
        return False
    moves.continue_reply(second, served, settings)
    return True


def as_blend(name: str) -> str:
    """The value of the choice to blend a model with the first."""
    return _BLENDED + name


def is_blend(value: object) -> bool:
    return isinstance(value, str) and value.startswith(_BLENDED)


def chosen(value: object, registry: ModelRegistry) -> LoadedModel | None:
    """The model that is shown side by side with the first; None if there is none.

    Raises:
        RefusalError: there is none of this name, or it still loads.
    """
    return None if value == NOBODY or is_blend(value) else registry.get(value)


def blended(
    served: LoadedModel, params: SamplingParams, choice: object, share: object, registry: ModelRegistry
) -> tuple[LoadedModel, SamplingParams]:
    """The model that writes, and its settings: the chosen model, or its blend with a second one.

    Args:
        served: the chosen model.
        params: the settings of the reply.
        choice: the value of the control "Second model".
        share: the weight of the second model.
        registry: the models that are served.

    Raises:
        RefusalError: there is no such model, or the two cannot write together, or the share is not from 0 to 1.
    """
    if not is_blend(choice):
        return served, params
    second = registry.get(str(choice).removeprefix(_BLENDED))
    if second is served:
        raise RefusalError("refusal.same_second")
    try:
        params = replace(params, share=math.nan if share is None else share)  # type: ignore[arg-type]  # checked there
    except ValueError:
        raise refused(PAGE_SETTINGS["share"], share) from None
    return registry.blend(served, second), params
