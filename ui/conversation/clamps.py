"""Clamped cells that a page or a program sends, checked against the sizes of a model."""

from __future__ import annotations

from typing import Any

from model import LSTMConfig, clamps
from model.clamps import MAX_CLAMPS, Clamps

from ..messages import RefusalError
from ..settings import whole


def check_clamps(value: object, config: LSTMConfig) -> Clamps:
    """Returns the clamps that a page, a link or a program sends, checked against the sizes of a model.

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
