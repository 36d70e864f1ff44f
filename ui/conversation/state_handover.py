"""What a newer commit of a model takes over of a conversation: its text, which it reads again, for a memory is of one
commit's weights alone."""

from __future__ import annotations

from collections.abc import Sequence

from .turn import Turn

MAX_CARRIED = 4000  # characters: more than an LSTM remembers, and read in half a second


def text_so_far(turns: Sequence[Turn]) -> str:
    """The end of what was read and written since the memory was last empty."""
    told = ""
    for turn in reversed(turns):
        told = turn.whole + told
        if turn.start.memory is None or len(told) >= MAX_CARRIED:
            break
    return told[-MAX_CARRIED:]
