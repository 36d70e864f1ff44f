"""The hand on the memory: which cells a visitor holds, in the words of the page and of links. Pure text.

A hand belongs to one model: another one writes with all of its cells free.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from model import LSTMConfig
from model import clamps as clamps
from model.clamps import MAX_CLAMPS, Clamp, Clamps
from model.engine.sequence import Sequence as Part
from model.settings import shorten
from model.tokenizer import CharTokenizer

from ..messages import Message, RefusalError
from ..settings import whole

STRONG = 4.0  # how far up or down the page holds a cell: tanh of it is 0.999
_HOLD = re.compile(r"([0-9]{1,3})\.([0-9]{1,5})~(-?[0-9]{1,2}(?:\.[0-9]{1,20})?(?:e-[0-9]{1,3})?)")


@dataclass(frozen=True)
class ModelClamps:
    """What is held.

    Attributes:
        model: the name of the model whose cells they are.
        held: nothing, when it was taken away.
    """

    model: str = ""
    clamps: Clamps = ()

    def of_model(self, model: str) -> Clamps:
        """What is held of a model."""
        return self.clamps if model == self.model else ()


NO_CLAMPS = ModelClamps()


def check_clamps(value: object, config: LSTMConfig) -> Clamps:
    """What a page, a link or a program says is held of a model.

    Raises:
        RefusalError: it is no list of a few cells that the model has.
    """
    if isinstance(value, list | tuple) and len(value) > MAX_CLAMPS:
        raise RefusalError("refusal.too_many_clamps", most=MAX_CLAMPS)
    given: Any = value if isinstance(value, list | tuple) else [value]
    try:
        # JSON has one kind of number: 1.0 is a layer too.
        plain: Any = [[whole(each) for each in hold] if isinstance(hold, list) else hold for hold in given]
        return clamps.check_clamps(plain, config)
    except ValueError as error:
        reason = re.sub("^(a clamp is|clamps are) ", "is ", str(error))
        raise RefusalError("refusal.other", field="hold", reason=reason) from None


def clamp_facts(clamps: Clamps) -> list[Message]:
    """For people: "cell 410 (layer 0) held up"."""
    ids = {STRONG: "clamp.up", -STRONG: "clamp.down", 0.0: "clamp.off"}
    return [
        Message(ids.get(clamp.value, "clamp.at"), cell=clamp.cell, layer=clamp.layer, value=f"{clamp.value:g}")
        for clamp in clamps
    ]


def clamps_in(parts: Iterable[Part]) -> Clamps:
    """All that was held in some part of a reply."""
    return tuple(dict.fromkeys(hold for part in parts for hold in part.clamps))


def first_clamped(parts: Sequence[Part]) -> int | None:
    """The first character of a reply that was written with a cell held."""
    at = next((at for at, part in enumerate(parts) if part.clamps), None)
    return None if at is None else sum(part.length for part in parts[:at])


def clamps_as_read(parts: Sequence[Part], given: str, tokenizer: CharTokenizer) -> list[tuple[int, Clamps]]:
    """Which cells were held from which character on, as a turn was read: see ``Reading.become``.

    Args:
        parts: the reply's.
        given: what was read before it in this turn.
        tokenizer: the model's.
    """
    found: list[tuple[int, Clamps]] = []
    at = len(given)
    for part in parts:
        if part.clamps != (found[-1][1] if found else ()):
            # The step that draws a character reads the one before it, of those that the model knows.
            before = given + "".join(each.text for each in parts)
            known = tokenizer.in_vocab(before[:at]).nonzero()[0]
            found.append((int(known[-1]) if len(known) else -1, part.clamps))
        at += part.length
    return found


def write_clamps(held: Clamps) -> str:
    """For a link: ``0.410~4_1.169~-4``, of characters that stay as they are in one."""
    return "_".join(f"{hold.layer}.{hold.cell}~{_number(hold.value)}" for hold in held)


def read_clamps(text: str) -> Clamps:
    """What ``written`` made.

    Raises:
        RefusalError: it is something else.
    """
    parts = text.split("_") if text else []
    found = [_HOLD.fullmatch(part) for part in parts]
    if len(parts) > MAX_CLAMPS or not all(found):
        allowed = Message("rule.clamps", most=MAX_CLAMPS)
        raise RefusalError("refusal.in_link", field="hold", value=shorten(text), allowed=allowed)
    return tuple(Clamp(int(each[1]), int(each[2]), float(each[3])) for each in found if each)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
