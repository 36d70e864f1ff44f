"""What a newer commit of a model takes over of a conversation: its text, which it reads again, for a memory is of one
commit's weights alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


def news(turn: Turn) -> str:
    """What is to be said of a turn that a newer commit has taken over, or begun; "" of any other."""
    start = turn.start
    if not start.before:
        return ""
    read = ": it has read the text so far" if start.unread or turn.taken_over else ""
    return f"Commit {start.served.commit[:7]} of this model is served now, in place of {start.before[:7]}{read}."
