"""Link previews: makes the text and the picture that a chat app shows for an address, and caches the newest ones.

    GET /preview.png            the picture of the site: its title and a sample of its first model
    GET /preview.png?prompt=…   the picture of a share link: its prompt and the beginning of its text

A link that is not valid, or whose text has a blocked word, gets the picture of the site. A client over its limits gets
429 or 503, as from every other route.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response
from starlette.routing import Route

from model.scoring.picture import ColouredText, draw

from ..access.limits import Limiter
from ..access.workers import Workers
from ..conversation.read_text import ReadText
from ..messages import RefusalError
from ..registry.registry import ModelRegistry
from ..routes.requests import address_of, refusal_response, wait_of
from .link import FirstReply, first_reply
from .writing import bits_of, write_beginning

log = logging.getLogger("char-lstm")

PATH = "/preview.png"
MAX_BYTES = 4 << 20  # of the cached pictures and texts; a picture has some 20 kB
MAX_WAITING, MAX_WAITING_EACH = 16, 4  # previews that are being made, of all addresses and of one
DOCUMENT_S = 0.3  # for which a document waits for the beginning of its link's text
FRESH_S = 3600  # for which a client may cache a picture
_HEADERS = {"cache-control": f"public, max-age={FRESH_S}", "x-content-type-options": "nosniff"}


@dataclass(frozen=True)
class Preview:
    """The preview of an address.

    Attributes:
        text: the beginning of the text, the prompt included; "" where there is none.
        picture: a PNG.
    """

    text: str
    picture: bytes

    @property
    def size(self) -> int:
        """The size of the picture and the text in bytes."""
        return len(self.picture) + 4 * len(self.text)


class Previews:
    """Makes the previews of all addresses.

    Args:
        registry: the models that are served.
        limiter: counts what each address uses.
    """

    def __init__(self, registry: ModelRegistry, limiter: Limiter) -> None:
        self._registry = registry
        self._limiter = limiter
        self._workers = Workers(limiter, at_once=1, max_waiting=MAX_WAITING, max_waiting_each=MAX_WAITING_EACH)
        self._kept: OrderedDict[str, Preview] = OrderedDict()
        self._making: dict[str, asyncio.Task[Preview]] = {}
        self.route = Route(PATH, self.respond, methods=["GET"])

    @property
    def kept_bytes(self) -> int:
        """The size of the cached previews in bytes."""
        return sum(each.size for each in self._kept.values())

    def link(self, query: str) -> FirstReply | None:
        """Returns the first reply of a link; None if the address is not a link, or not a valid one."""
        try:
            return first_reply(query, self._registry)
        except ValueError:  # RefusalError is a subclass
            return None

    async def respond(self, request: Request) -> Response:
        """Answers one request."""
        reply, address = self.link(request.url.query), address_of(request)
        try:
            try:
                preview = await self._preview(reply, address)
            except RefusalError as refusal:
                if wait_of(refusal) or reply is None:
                    raise
                preview = await self._preview(None, address)
        except RefusalError as refusal:
            return refusal_response(refusal)
        return Response(preview.picture, headers=_HEADERS, media_type="image/png")

    async def text_of(self, reply: FirstReply, address: str) -> str:
        """Returns a link's prompt and the beginning of its text; "" if that takes longer than ``DOCUMENT_S`` seconds.

        Raises:
            RefusalError: the text has a blocked word, or the client is over its limits.
        """
        try:
            return (await asyncio.wait_for(self._preview(reply, address), DOCUMENT_S)).text
        except asyncio.TimeoutError:  # the task goes on, because the client will request the picture next
            return ""

    async def _preview(self, reply: FirstReply | None, address: str) -> Preview:
        key = self._key(reply)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, reply, address))
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task)  # other requests may wait for the same task

    def _key(self, reply: FirstReply | None) -> str:
        """Returns a cache key. It changes with the models, because a query has no commit for a model from a folder."""
        return hashlib.sha256(f"{self._registry.version} {reply.query if reply else ''}".encode()).hexdigest()

    async def _make(self, key: str, reply: FirstReply | None, address: str) -> Preview:
        async with self._workers.work(address):
            if reply:
                text = await write_beginning(reply, address, self._limiter, self._workers)
                if text is None:
                    raise RefusalError("refusal.no_answer")
            else:
                text = await self._sample(address)
            picture = await self._workers.run(address, draw, self._registry.site.title_in("en"), text)
        preview = Preview(text.prompt + text.reply, picture)
        self._kept[key] = preview
        while self.kept_bytes > MAX_BYTES:
            self._kept.popitem(last=False)
        return preview

    async def _sample(self, address: str) -> ColouredText:
        first = self._registry.first()
        if first is None or not first.welcome_text:
            return ColouredText("", "", ())
        sample = first.welcome_text
        return ColouredText("", sample, await bits_of(ReadText(first, ""), sample, (), address, self._workers))

    def _made(self, key: str, done: asyncio.Task[Preview]) -> None:
        del self._making[key]
        if not done.cancelled() and (error := done.exception()) and not isinstance(error, RefusalError):
            log.error("a preview could not be made", exc_info=error)
