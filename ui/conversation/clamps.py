"""Clamped cells as a visitor chooses them: checked, written into links, read from links, and described in messages."""

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

STRONG = 4.0  # the value of a cell that is held up; its tanh is 0.999
_HOLD = re.compile(r"([0-9]{1,3})\.([0-9]{1,5})~(-?[0-9]{1,2}(?:\.[0-9]{1,20})?(?:e-[0-9]{1,3})?)")


@dataclass(frozen=True)
class ModelClamps:
    """The clamped cells of one model; any other model writes with all cells free.

    Attributes:
        model: the name of the model.
        clamps: its clamped cells; empty when all were released.
    """

    model: str = ""
    clamps: Clamps = ()

    def of_model(self, model: str) -> Clamps:
        """The clamped cells of a model, by its name."""
        return self.clamps if model == self.model else ()


NO_CLAMPS = ModelClamps()


def check_clamps(value: object, config: LSTMConfig) -> Clamps:
    """The clamps that a page, a link or a program sends, checked against the sizes of a model.

    Raises:
        RefusalError: there are too many, a cell does not exist, or a value is not allowed.
    """
    if isinstance(value, list | tuple) and len(value) > MAX_CLAMPS:
        raise RefusalError("refusal.too_many_clamps", most=MAX_CLAMPS)
    given: Any = value if isinstance(value, list | tuple) else [value]
    try:
        # JSON has one kind of number: 1.0 is a layer too.
        plain: Any = [[whole(each) for each in hold] if isinstance(hold, list) else hold for hold in given]
        return clamps.check_clamps(plain, config)
    except ValueError as error:
        reason = str(error)
        reason = reason.removeprefix("a clamp ") if reason.startswith("a clamp is ") else f"is not allowed: {reason}"
        raise RefusalError("refusal.other", field="hold", reason=reason) from None


def clamp_facts(clamps: Clamps) -> list[Message]:
    """Messages such as "cell 410 (layer 0) held up"."""
    ids = {STRONG: "clamp.up", -STRONG: "clamp.down", 0.0: "clamp.off"}
    return [
        Message(ids.get(clamp.value, "clamp.at"), cell=clamp.cell, layer=clamp.layer, value=f"{clamp.value:g}")
        for clamp in clamps
    ]


def clamps_in(parts: Iterable[Part]) -> Clamps:
    """All clamps that a reply was written with, each once."""
    return tuple(dict.fromkeys(hold for part in parts for hold in part.clamps))


def first_clamped(parts: Sequence[Part]) -> int | None:
    """The index of the first character that was written with a clamped cell; None if there is none."""
    at = next((at for at, part in enumerate(parts) if part.clamps), None)
    return None if at is None else sum(part.length for part in parts[:at])


def clamps_as_read(parts: Sequence[Part], given: str, tokenizer: CharTokenizer) -> list[tuple[int, Clamps]]:
    """The clamps of each stretch of a turn's text, as (index of its first step, clamps): see ``Reading.become``.

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
    """The clamps as a link has them, such as ``0.410~4_1.169~-4``; no character needs an escape."""
    return "_".join(f"{hold.layer}.{hold.cell}~{_number(hold.value)}" for hold in held)


def read_clamps(text: str) -> Clamps:
    """The clamps from the text that ``write_clamps`` made.

    Raises:
        RefusalError: the text is no list of clamps.
    """
    parts = text.split("_") if text else []
    found = [_HOLD.fullmatch(part) for part in parts]
    if len(parts) > MAX_CLAMPS or not all(found):
        allowed = Message("rule.clamps", most=MAX_CLAMPS)
        raise RefusalError("refusal.in_link", field="hold", value=shorten(text), allowed=allowed)
    return tuple(Clamp(int(each[1]), int(each[2]), float(each[3])) for each in found if each)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
