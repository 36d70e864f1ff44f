"""Writes the beginning of a link's text, and computes the surprisal of each of its characters in bits.

The engine writes it in the same batch as the replies of visitors; the bits are computed in slices, by turns with other
clients.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from itertools import islice

from model import SamplingParams, TextTrace, TokenTrace
from model.clamps import Clamps
from model.scoring.picture import ColouredText

from ..access.clients import group_of
from ..access.limits import Limiter
from ..access.workers import Workers
from ..conversation.progress import check_words, follow, submit
from ..conversation.read_text import ReadText
from ..registry.loaded_model import LoadedModel
from .link import FirstReply

LENGTH = 240  # characters of a reply that are written; the picture has room for some 300
WITHIN_S = 10.0  # after which a reply that is not complete is aborted
_SLICE = 48  # characters that are read before another client gets its turn


async def write_beginning(reply: FirstReply, address: str, limiter: Limiter, workers: Workers) -> ColouredText | None:
    """Returns the first ``LENGTH`` characters of a reply; None if the model fails or needs more than ``WITHIN_S``.

    Args:
        reply: the reply to write.
        address: of the client, whose limits apply.
        limiter: counts the reply.
        workers: compute the bits.

    Raises:
        RefusalError: the text has a blocked word, or the client is over its limits.
    """
    await workers.run(address, _check, reply.served, reply.read.text)
    params = replace(reply.params, length=min(LENGTH, reply.params.length))
    characters = len(reply.read.text) + params.length
    limiter.begin_reply(address, characters)
    written = 0
    try:
        text = await asyncio.wait_for(_write(reply, params, address), WITHIN_S)
        written = characters if text is None else len(reply.read.text) + len(text)
    except asyncio.TimeoutError:  # in Python 3.10 it is not TimeoutError
        return None
    finally:
        limiter.end_reply(address, characters - written)
    if text is None:
        return None
    if reply.pick and len(text) == reply.params.length:
        text = text[:-1] + reply.pick
        await workers.run(address, _check, reply.served, reply.read.text + text)
    return ColouredText(reply.prompt, text, await bits_of(reply.read, text, reply.cells, address, workers))


async def bits_of(read: ReadText, text: str, cells: Clamps, address: str, workers: Workers) -> tuple[float | None, ...]:
    """Returns the surprisal in bits of each character of a text that the model wrote after reading ``read``."""
    served, start = read.served, len(read.text)
    trace = TextTrace(served.lm, skip_start=not read.start, precision=served.engine.precision)
    trace.set_text(read.text + text, [(read.last, cells)] if cells else [])
    while not await workers.run(address, trace.approach, start, _SLICE):
        pass
    tokens = trace.tokens(start)
    found: list[TokenTrace] = []
    while len(found) < len(text):
        found += await workers.run(address, _next_tokens, tokens)
    return tuple(None if math.isnan(token.bits) else token.bits for token in found)


async def _write(reply: FirstReply, params: SamplingParams, address: str) -> str | None:
    read = reply.read
    sequence = submit(
        read.served,
        read.text,
        params,
        client_id=f"{address} preview",
        group_id=group_of(address),
        clamps=reply.cells,
    )
    async with aclosing(follow(read.served, sequence)) as steps:
        async for _ in steps:
            pass
    return None if sequence.error else sequence.text


def _next_tokens(tokens: Iterator[TokenTrace]) -> list[TokenTrace]:
    return list(islice(tokens, _SLICE))


def _check(served: LoadedModel, text: str) -> None:
    """Refuses a text with a blocked word; it is short enough for one slice."""
    for _ in check_words(served, text):
        pass
