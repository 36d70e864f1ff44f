"""Writes the beginning of a link's text, in the same batch as the replies of visitors."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

from ..access.clients import group_of
from ..access.limits import Limiter
from ..access.workers import Workers
from ..conversation.progress import check_words, follow, submit
from ..registry.loaded_model import LoadedModel
from .link import FirstReply
from .tags import MAX_DESCRIPTION

WITHIN_S = 0.3  # for which a document waits for the text
MAX_WAITING, MAX_WAITING_EACH = 16, 4  # texts that are being written, of all addresses and of one


class Beginnings:
    """Writes the beginnings of texts. Belongs to one event loop.

    Args:
        limiter: counts the characters and the processor time of each address.
    """

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._workers = Workers(limiter, at_once=1, max_waiting=MAX_WAITING, max_waiting_each=MAX_WAITING_EACH)

    async def text_of(self, reply: FirstReply, address: str) -> str:
        """Returns the prompt of a link and the beginning of its text; only the prompt if that is not written in time.

        Raises:
            RefusalError: the prompt has a blocked word, or the client is over its limits.
        """
        async with self._workers.work(address):
            await self._workers.run(address, _check_words, reply.served, reply.read)
            length = min(MAX_DESCRIPTION, reply.params.length)
            characters, written = len(reply.read) + length, 0
            self._limiter.begin_reply(address, characters)
            try:
                text = await asyncio.wait_for(_write(reply, length, address), WITHIN_S)
                written = len(reply.read) + len(text)
            except asyncio.TimeoutError:  # in Python 3.10 it is not TimeoutError
                text = ""
            finally:
                self._limiter.end_reply(address, characters - written)
        return reply.prompt + text


async def _write(reply: FirstReply, length: int, address: str) -> str:
    sequence = submit(
        reply.served,
        reply.read,
        replace(reply.params, length=length),
        client_id=f"{address} preview",
        group_id=group_of(address),
        clamps=reply.cells,
    )
    async with aclosing(follow(reply.served, sequence)) as steps:
        async for _ in steps:
            pass
    return sequence.text


def _check_words(served: LoadedModel, text: str) -> None:
    """Refuses a text with a blocked word; it is short enough for one slice."""
    for _ in check_words(served, text):
        pass
