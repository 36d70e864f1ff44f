"""The routes of OpenAI's protocol. A text is written by the same code as a page's, and counts for the same limits.

    GET  /v1/models              the models that are served
    POST /v1/completions         continues texts
    POST /v1/chat/completions    writes the next message of a chat, with a model that was trained on chats

The protocol has no way to continue a broken stream: the same request with the seed of the answer gives the same text.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from model.int8.weights import VERSION
from model.scoring.surprisal import Scorer

from ...access.connected import while_connected
from ...access.limits import Limiter
from ...access.workers import Workers
from ...conversation.read_text import ReadText
from ...json_body import read_json
from ...messages import RefusalError
from ...registry.loaded_model import LoadedModel
from ...registry.lookup import find_model
from ...registry.registry import ModelRegistry
from ..requests import HEADERS, WriteRequest, address_of
from ..running_replies import EventStream, RunningReplies, RunningReply
from .answers import Probabilities, Shape, error_of, reason_of, refusal_answer, sent, usage_of
from .request import Wanted, chat_prompt, parse_chat, parse_completion, seed_of

log = logging.getLogger("char-lstm")

_SCORED = 512  # characters in a slice of work, which takes about 20 ms
_FAULT = "something went wrong here: try again later"
_DONE = "data: [DONE]\n\n"


@dataclass
class _Choice:
    """One text that is written.

    Attributes:
        index: of the choice in the answer.
        prompt: the text that it continues.
        scorer: measures the probabilities; None if they are not asked for.
        reply: the reply, and its reader; None if only the prompt is scored.
    """

    index: int
    prompt: str
    scorer: Scorer | None
    reply: RunningReply | None = None
    reader: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def error(self) -> str:
        """Why the reply has failed; "" if it has not."""
        return str(self.reply.error or "") if self.reply else ""

    @property
    def finish_reason(self) -> str:
        """Why the text has ended, in the protocol's words."""
        return reason_of(self.reply.finish_reason) if self.reply else "length"


class OpenAI:
    """Answers the requests of programs that speak OpenAI's protocol.

    Args:
        registry: the models that are served.
        replies: the replies that are being written, those of pages included.
        limiter: counts what each address uses.
        preparing: the threads that read requests.
    """

    def __init__(self, registry: ModelRegistry, replies: RunningReplies, limiter: Limiter, preparing: Workers) -> None:
        self._registry = registry
        self._replies = replies
        self._preparing = preparing
        self._workers = Workers(limiter, at_once=1)
        self._began = int(time.time())
        self.routes = [
            Route("/v1/models", self.models, methods=["GET"]),
            Route("/v1/models/{name:path}", self.model, methods=["GET"]),
            Route("/v1/completions", partial(self._respond, is_chat=False), methods=["POST"]),
            Route("/v1/chat/completions", partial(self._respond, is_chat=True), methods=["POST"]),
        ]

    async def models(self, _request: Request) -> JSONResponse:
        """Lists the models."""
        found = [self._described(name) for name in self._registry.names]
        return JSONResponse({"object": "list", "data": found}, headers=HEADERS)

    async def model(self, request: Request) -> JSONResponse:
        """Describes one model."""
        name = request.path_params["name"]
        if name not in self._registry.names:
            content = error_of(404, f"there is no model {name!r:.80}", param="model", code="model_not_found")
            return JSONResponse(content, 404, HEADERS)
        return JSONResponse(self._described(name), headers=HEADERS)

    def _described(self, name: str) -> Mapping[str, object]:
        return {"id": name, "object": "model", "created": self._began, "owned_by": "char-lstm"}

    async def _respond(self, request: Request, *, is_chat: bool) -> Response:
        try:
            wanted, shape, choices = await self._start(request, is_chat=is_chat)
        except RefusalError as refusal:
            return refusal_answer(refusal)
        except Exception:
            log.exception("a text could not be started")
            return JSONResponse(error_of(500, _FAULT), 500, HEADERS)
        end = partial(self._expire, choices)
        address = address_of(request)
        if wanted.streams:
            return EventStream(self._chunks(wanted, shape, choices, address), end)
        try:
            content = await while_connected(request, self._whole(wanted, shape, choices, address))
            return JSONResponse(content, 500 if "error" in content else 200, HEADERS)
        except ClientDisconnect:
            return Response(status_code=499)
        except RefusalError as refusal:
            return refusal_answer(refusal)
        finally:
            end()

    async def _start(self, request: Request, *, is_chat: bool) -> tuple[Wanted, Shape, list[_Choice]]:
        """Starts to write the choices of a request.

        Raises:
            RefusalError: a parameter is not allowed, or too much is asked for.
        """
        body = await read_json(request, self._preparing)
        if is_chat:
            wanted, messages = parse_chat(body)
            loaded = await find_model(self._registry, wanted.model)
            if not loaded.lm.chat:
                reason = f"is {loaded.name}, which was not trained on a chat: use /v1/completions"
                raise RefusalError("refusal.other", field="model", reason=reason)
            prompts: tuple[str, ...] = (chat_prompt(messages, loaded.lm.chat),)
        else:
            wanted, prompts = (parsed := parse_completion(body)), parsed.prompts
            loaded = await find_model(self._registry, wanted.model)
        version = loaded.commit[:12] or (f"int8-{VERSION}" if loaded.engine.precision == "int8" else "float32")
        name = "chatcmpl" if is_chat else "cmpl"
        shape = Shape(f"{name}-{secrets.token_hex(12)}", is_chat, loaded.name, version)
        client, address = secrets.token_hex(8), address_of(request)  # each request is a client of its own
        choices: list[_Choice] = []
        try:
            for prompt in prompts:
                for _ in range(wanted.count):
                    choices.append(await self._choice(wanted, loaded, prompt, len(choices), client, address))
        except BaseException:
            self._expire(choices)
            raise
        return wanted, shape, choices

    async def _choice(
        self, wanted: Wanted, loaded: LoadedModel, prompt: str, index: int, client: str, address: str
    ) -> _Choice:
        choice = _Choice(index, prompt, None)
        if wanted.logprobs is not None:
            choice.scorer = Scorer(loaded.lm.models[0], wanted.logprobs)
        if wanted.is_scored_only:
            return choice
        params = seed_of(wanted.params, index)
        if loaded.lm.chat and not params.stop:
            params = replace(params, stop=loaded.lm.chat.stop)
        request = WriteRequest(
            id=secrets.token_hex(16),
            client=client,
            before=ReadText(loaded, prompt),
            received="",
            params=params,
            draw_offset=0,
            cells=(),
            chars_per_second=None,
            boundaries=(),
        )
        prepared = await self._preparing.run(address, self._replies.prepare, request)
        choice.reply = await self._replies.start(prepared, request.id, address)
        choice.reader = choice.reply.connect()
        return choice

    async def _whole(self, wanted: Wanted, shape: Shape, choices: list[_Choice], address: str) -> Mapping[str, Any]:
        """Returns the whole answer, once all choices are written; or the error of one."""
        found = []
        for choice in choices:
            text, probabilities = "", Probabilities()
            async for piece, part in self._pieces(wanted, choice, address):
                text += piece
                probabilities.add(part)
            if choice.error:
                return error_of(500, choice.error)
            shown = probabilities if choice.scorer else None
            found.append(shape.choice(choice.index, text, choice.finish_reason, shown))
        return shape.whole(found, _usage(choices))

    async def _chunks(self, wanted: Wanted, shape: Shape, choices: list[_Choice], address: str) -> AsyncIterator[str]:
        """Yields the server-sent events of an answer; those of several choices in the order in which they arrive."""
        events: asyncio.Queue[str | None] = asyncio.Queue()

        async def follow(choice: _Choice) -> None:
            try:
                position = 0
                async for piece, part in self._pieces(wanted, choice, address):
                    shown = part if choice.scorer else None
                    events.put_nowait(shape.chunk([shape.part(choice.index, piece, None, shown, position)]))
                    position += len(piece)
                if choice.error:
                    events.put_nowait(sent(error_of(500, choice.error)))
                else:
                    last = shape.part(choice.index, "", choice.finish_reason, None, position)
                    events.put_nowait(shape.chunk([last]))
            except RefusalError as refusal:
                events.put_nowait(sent(error_of(503, str(refusal))))
            except Exception:
                log.exception("a text could not be streamed")
                events.put_nowait(sent(error_of(500, _FAULT)))
            finally:
                events.put_nowait(None)

        tasks = [asyncio.create_task(follow(choice)) for choice in choices]
        try:
            left = len(tasks)
            while left:
                if (each := await events.get()) is None:
                    left -= 1
                else:
                    yield each
            if wanted.has_usage:
                yield shape.chunk([], _usage(choices))
            yield _DONE
        finally:
            for task in tasks:
                task.cancel()

    async def _pieces(self, wanted: Wanted, choice: _Choice, address: str) -> AsyncIterator[tuple[str, Probabilities]]:
        """Yields the parts of the text of a choice, with the probabilities of their characters if asked for."""
        of_prompt = await self._scored(choice, choice.prompt, address)
        if wanted.echo:
            yield choice.prompt, of_prompt
        if choice.reply:
            async for piece in choice.reply.pieces(choice.reader, 0):
                if piece:
                    yield piece, await self._scored(choice, piece, address)

    async def _scored(self, choice: _Choice, text: str, address: str) -> Probabilities:
        """Returns the probabilities of the next characters of a choice; none if they are not asked for."""
        found = Probabilities()
        for start in range(0, len(text) if choice.scorer else 0, _SCORED):
            assert choice.scorer  # noqa: S101
            part = text[start : start + _SCORED]
            found.add(Probabilities.of(part, await self._workers.run(address, choice.scorer.read, part)))
        return found

    def _expire(self, choices: list[_Choice]) -> None:
        for choice in choices:
            if choice.reply:
                self._replies.expire(choice.reply)


def _usage(choices: list[_Choice]) -> dict[str, int]:
    """Returns the usage of an answer; a prompt with several choices counts once."""
    prompts = {choice.prompt: len(choice.prompt) for choice in choices}
    return usage_of(sum(prompts.values()), sum(len(choice.reply.text) for choice in choices if choice.reply))
