"""The description in the preview of a link, as chats and search engines show it; `page.document` makes the tags.

The page reads the whole link of a share (web/conversation/links.js). The description is the prompt of its first reply,
continued if nothing but the model and the generation settings determines the text: no blend, no clamped cell, no
character that the sender chose.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from urllib.parse import parse_qsl

from model.settings import SETTINGS

from .conversation.read_text import ReadText
from .routes.requests import WriteRequest
from .routes.running_replies import RunningReplies, check_words
from .settings import MAX_LINK, check_params, check_text

MAX_DESCRIPTION = 200  # characters; chats show fewer
WITHIN_S = 0.3  # for which a document waits for the text
MAX_PROMPT = 1_000  # characters
MAX_FIELDS = 1_000
_COMMIT = re.compile("@[0-9a-f]{40}$")
_CHANGES = ("blend_with", "hold", "pick")  # fields with which the text is not that of the model alone


async def shared_text(replies: RunningReplies, query: str, address: str) -> str | None:
    """Returns the prompt of a link and the beginning of its text; None if the query is no link that can be shown.

    Args:
        replies: the replies that are being written.
        query: the query of the document's address.
        address: of the client.
    """
    try:
        fields = _fields(query)
        return await _written(replies, fields, address) if fields.get("seed") else None
    except ValueError:  # among them a RefusalError: a blocked word, or too many requests
        return None


async def _written(replies: RunningReplies, fields: dict[str, str], address: str) -> str:
    prompt = check_text("prompt", fields.get("prompt", ""), MAX_PROMPT)
    numbers = {name: float(fields[name]) for name in SETTINGS if name != "stop" and fields.get(name)}
    params = check_params(numbers)
    services = replies.services
    loaded, workers = services.registry.get(_COMMIT.sub("", fields.get("model", "")) or None), services.workers
    text = loaded.lm.chat.wrap(prompt) if loaded.lm.chat else prompt
    await workers.run_slices(address, check_words(loaded, text))
    if any(fields.get(name) for name in _CHANGES):
        return prompt
    stop = loaded.lm.chat.stop if loaded.lm.chat else ""
    params = replace(params, length=min(MAX_DESCRIPTION, params.length), share=None, stop=stop)

    request = WriteRequest(client="preview", served=loaded, params=params)

    async def reply() -> str:
        running = await replies.start(request, ReadText(loaded, text), address)
        try:
            return "".join([piece async for piece in running.pieces()])
        finally:
            replies.end(running)

    async with workers.work(address):
        try:
            return prompt + await asyncio.wait_for(reply(), WITHIN_S)
        except asyncio.TimeoutError:  # in Python 3.10 it is not TimeoutError
            return prompt


def _fields(query: str) -> dict[str, str]:
    """Returns the fields of the first reply of a link.

    Raises:
        ValueError: the link is too long, or not text in UTF-8.
    """
    if len(query) > MAX_LINK:
        raise ValueError("the link is too long")
    query = query.replace("&amp;", "&")  # a message may write a link as HTML does; the & of a value is written %26
    fields: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS):
        if name in ("then", "more"):
            break
        fields.setdefault(name, value)  # like the page, which uses the first of two equal names
    return fields


def shortened(text: str) -> str:
    """Returns a text in one line, cut after a word."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    if len(line) <= MAX_DESCRIPTION:
        return line
    return line[:MAX_DESCRIPTION].rsplit(" ", 1)[0] + " …"
