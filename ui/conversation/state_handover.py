"""The state handover to a newer commit of a model: it reads the text so far again, because a memory belongs to the
weights of one commit."""

from __future__ import annotations

from collections.abc import Sequence

from .turn import Turn

MAX_CARRIED = 4000  # characters: more than an LSTM remembers; reading them takes half a second


def text_so_far(turns: Sequence[Turn]) -> str:
    """The last ``MAX_CARRIED`` characters of prompts and replies since the memory was last empty."""
    text = ""
    for turn in reversed(turns):
        text = turn.whole + text
        if turn.start.memory is None or len(text) >= MAX_CARRIED:
            break
    return text[-MAX_CARRIED:]
