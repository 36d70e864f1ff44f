"""The protocol between the server and the page's view of a conversation: JSON objects, one per line, which
``web/app/view.js`` reads. While a reply is written, new lines arrive over a stream (``ui/routes/streams.py``).
MESSAGE is an id and values in JSON, see ``ui/messages.py``.

    {"hello": "…", "by": "…"}        an empty conversation: a text by the model; "chat" if the model answers prompts
    {"greet": true}                  the view is ignored by a page on which a turn has begun meanwhile
    {"forgotten": 3}                 the number of earlier turns that are no longer shown
    {"turn": 7, "prompt": "…"}       begins a turn, to which the lines after it belong; "chat" as above; "held": the
                                     index of the first character that was written with a clamped cell
    {"text": "…"}                    more text of the reply
    {"say": [MESSAGE], "as": KIND}   KIND is notice, status (until the next text), fault, mark (whether the text is the
                                     shared one) or foot (the reply footer, which ends the turn)
    {"refusal": MESSAGE}             why the last request was refused
    {"stream": "…"}                  the token of the stream that continues the last turn
    {"load": [MESSAGE]}              how much all visitors together have written just now
    {"link": ["…"], "facts": [MESSAGE], "warning": MESSAGE}  the prompts of a shared link, before anything is written
    {"tree": [[7, 3, "…"]], "here": 7, "redo": true}  all turns: number, number of the turn before, label
    {"held": [[0, 410, 4.0]], "of": "…"}  the clamped cells (layer, cell, value) and the model that has them
    {"share": "…", "at": "…"}        the parameters of a link to the conversation, and the address if it is known
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from .messages import Message


def say(kind: str, messages: Sequence[Message]) -> str:
    """A line with messages about the last turn."""
    return line(**{"say": messages, "as": kind})


def line(**fields: object) -> str:
    """One line of the protocol, with its line end."""
    # Only ASCII carries half of a surrogate pair through the JSON around it. Gradio takes a "<" for HTML and searches
    # for script tags at every update.
    text = json.dumps(fields, ensure_ascii=True, default=Message.as_json, separators=(",", ":"))
    return text.replace("<", "\\u003c") + "\n"
