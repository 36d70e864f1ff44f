"""What the page shows of a conversation: a text of JSON lines, which ``view.js`` reads. While a reply is written, the
lines that are new come over a stream (``streams``).

    {"hello": "…", "by": "…"}        an empty conversation: a sample of the model's own; "chat" if it answers
    {"greet": true}                  what follows is not for a page on which a turn has begun meanwhile
    {"forgotten": 3}                 earlier turns that are no longer shown
    {"turn": 7, "prompt": "…"}       a turn begins; the lines after it belong to it; in a "chat" it is answered;
                                     "held": the first character of the reply that was written with a cell held
    {"text": "…"}                    what the model wrote, in pieces
    {"say": "…", "as": "notice"}     notice, status (until the next text), fault, mark or foot, which ends the turn
    {"refusal": "…"}                 why the last thing asked for was not done
    {"stream": "…"}                  the last turn goes on over the stream of this token
    {"load": "…"}                    how much is being written just now, by everyone
    {"link": ["…"], "facts": "…", "warning": "…"}  a link that may be followed: its prompts, before anything is written
    {"tree": [[7, 3, "…"]], "here": 7, "redo": true}  turns that were, each with the one before it (see ``branches``)
    {"held": [[0, 410, 4.0]]}        the cells that are held, each a layer, a number and a value
    {"share": "…", "at": "…"}        the parameters of a link to the conversation, and the address if it is known
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from .messages import Message


def say(kind: str, messages: Sequence[Message]) -> str:
    """A line of the view that says something about a turn."""
    return line(**{"say": messages, "as": kind})


def line(**fields: object) -> str:
    """A line of the view."""
    # ASCII alone carries half of a surrogate pair through the JSON around it; a "<" would be taken for HTML on
    # the way, and searched for script tags at every update.
    text = json.dumps(fields, ensure_ascii=True, default=Message.as_json, separators=(",", ":"))
    return text.replace("<", "\\u003c") + "\n"
