"""Generates what a reply would have been without its clamps: the same settings and seeds, all cells free."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import Any

from model import Memory

from .clamps import first_clamped
from .progress import ask, follow
from .turn import Turn

MOST = 2_000  # characters; two texts differ long before


async def without(turn: Turn, client_id: str) -> dict[str, Any]:
    """The text from the first clamped character on, with the same settings, seeds and picked characters.

    For a reply that is still being written, it has the full length that the reply may reach.

    Returns:
        ``from``, the index of that character in the reply, and ``without``, the text; {} if no cell was clamped.

    Raises:
        RefusalError: the queue is full.
    """
    start = first_clamped(turn.parts)
    if start is None:
        return {}
    at = next(at for at, part in enumerate(turn.parts) if part.clamps)
    kept = replace(turn, parts=turn.parts[:at])
    memory, unread, text = kept.end.memory, kept.end.unread, ""
    for part in turn.parts[at:]:
        # A part that ended by itself may be longer without clamps.
        over = part.finish_reason not in (None, "stop", "blocked")
        length = min(part.length if over else part.params.length, MOST - len(text))
        if length < 1:
            continue
        params = replace(part.params, length=length)
        before = "" if unread else kept.text + text
        free = ask(
            turn.served, unread, params, memory=memory, first=part.draw_offset, client_id=client_id, before=before
        )
        async with aclosing(follow(turn.served, free)) as steps:
            async for _ in steps:
                pass
        text += free.text
        if free.memory is None or free.finish_reason != "length":
            break
        memory, unread = free.memory, ""
        if part.picked:
            text = text[:-1] + part.text[-1]
            memory = Memory(memory.state, int(turn.served.lm.tokenizer.encode(part.text[-1])[0]))
    return {"from": start, "without": text}
