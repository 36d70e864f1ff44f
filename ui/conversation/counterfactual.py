"""What a reply would have been without the hand on the memory: written again by the same engine, with all cells free.

Knows conversations, and no page.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import Any

from model import Memory

from .clamps import first_clamped
from .progress import ask, follow
from .turn import Turn

MOST = 2_000  # characters; beyond, two texts have long gone their ways


async def without(turn: Turn, client_id: str) -> dict[str, Any]:
    """From the first character that was written with a cell held on: the same settings, seeds and picks.

    A reply that is still being written is compared in all the length that it may come to have.

    Returns:
        ``from``, that character's number in the reply, and the text; nothing if no cell was held.

    Raises:
        RefusalError: too many wait already.
    """
    start = first_clamped(turn.parts)
    if start is None:
        return {}
    at = next(at for at, part in enumerate(turn.parts) if part.clamps)
    kept = replace(turn, parts=turn.parts[:at])
    memory, unread, text = kept.end.memory, kept.end.unread, ""
    for part in turn.parts[at:]:
        # What ended by itself may go further without the hand.
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
