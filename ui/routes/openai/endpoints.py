"""The routes of OpenAI's protocol. A text is written by the same code as a page's, and counts for the same limits.

    GET  /v1/models              the models that are served
    POST /v1/completions         continues texts
    POST /v1/chat/completions    writes the next message of a chat, with a model that was trained on chats

The protocol has no way to continue a broken stream: the same request with the seed of the answer gives the same text.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from model.int8.weights import VERSION
from model.scoring import Scorer
from model.settings import MAX_SEED

from ...access.answers import HEADERS, AsciiJSONResponse, openai_error
from ...conversation import ReadText
from ...messages import RefusalError
from ...registry.loaded_model import LoadedModel
from ..requests import WriteRequest, address_of, route, while_connected
from ..write import EventStream, RunningReplies, RunningReply
from .protocol import Probabilities, Shape, Wanted, chat_prompt, parse, reason_of, sent

log = logging.getLogger("char-lstm")

_SCORED = 512  # characters in a slice of work, which takes about 20 ms


@dataclass
class _Choice:
    """One text that is written.

    Attributes:
        index: of the choice in the answer.
        prompt: the text that it continues.
        scorer: measures the probabilities; None if they are not asked for.
        reply: the reply; None if only the prompt is scored.
    """

    index: int
    prompt: str
    scorer: Scorer | None
    reply: RunningReply | None = None

    def end(self) -> str:
        """Returns why the text has ended, in the protocol's words; raises if the model has failed or is too busy."""
        if self.reply and (error := self.reply.error):
            busy = error.id.startswith("refusal.")
            raise RefusalError(error) if busy else HTTPException(500, str(error))
        if self.reply and self.reply.finish_reason == "abort":  # the app ends, or a newer commit replaces the model
            raise RefusalError("refusal.no_answer")
        return reason_of(self.reply.finish_reason) if self.reply else "length"


class OpenAI:
    """Answers the requests of programs that speak OpenAI's protocol.

    Args:
        replies: the replies that are being written, those of pages included.
    """

    def __init__(self, replies: RunningReplies) -> None:
        self._services, self._replies = replies.services, replies
        self._registry = replies.services.registry
        self._began = int(time.time())
        self.routes = [
            route("/v1/models", self._models, "GET"),
            route("/v1/models/{name:path}", self._model, "GET"),
            route("/v1/completions", partial(self._respond, is_chat=False)),
            route("/v1/chat/completions", partial(self._respond, is_chat=True)),
        ]

    async def _models(self, _request: Request) -> JSONResponse:
        found = [self._described(name) for name in self._registry.names]
        return JSONResponse({"object": "list", "data": found}, headers=HEADERS)

    async def _model(self, request: Request) -> JSONResponse:
        name = request.path_params["name"]
        if name not in self._registry.names:
            raise self._registry.unknown(name)
        return JSONResponse(self._described(name), headers=HEADERS)

    def _described(self, name: str) -> Mapping[str, object]:
        return {"id": name, "object": "model", "created": self._began, "owned_by": "char-lstm"}

    async def _respond(self, request: Request, *, is_chat: bool) -> Response:
        address, fields = address_of(request), await self._services.fields(request)
        wanted = parse(fields, is_chat=is_chat)
        loaded = await self._registry.find(wanted.model)
        if is_chat and not loaded.lm.chat:
            reason = f"is {loaded.name}, which was not trained on a chat: use /v1/completions"
            raise RefusalError("refusal.other", field="model", reason=reason)
        prompts = (chat_prompt(fields, loaded.lm.chat),) if is_chat and loaded.lm.chat else wanted.prompts
        del fields  # parsed they take up to twenty times as much as the body
        version = loaded.commit[:12] or (f"int8-{VERSION}" if loaded.precision == "int8" else "float32")
        name = "chatcmpl" if is_chat else "cmpl"
        shape = Shape(f"{name}-{secrets.token_hex(12)}", is_chat, loaded.name, version)
        choices: list[_Choice] = []
        client = secrets.token_hex(8)  # each request is a client of its own
        with ExitStack() as at_end:
            at_end.callback(self._end, choices)
            for prompt in [prompt for prompt in prompts for _ in range(wanted.count)]:
                choices.append(await self._choice(wanted, loaded, prompt, len(choices), client, address))
            if wanted.streams:
                return EventStream(self._chunks(wanted, shape, choices, address), at_end.pop_all().close)
            content = await while_connected(request, self._whole(wanted, shape, choices, address))
        return AsciiJSONResponse(content, headers=HEADERS)

    async def _choice(
        self, wanted: Wanted, loaded: LoadedModel, prompt: str, index: int, client: str, address: str
    ) -> _Choice:
        scorer = None if wanted.logprobs is None else Scorer(loaded.lm.models[0], wanted.logprobs)
        choice = _Choice(index, prompt, scorer)
        if wanted.is_scored_only:
            return choice
        params = replace(wanted.params, seed=(wanted.params.seed + index) % (MAX_SEED + 1))
        if loaded.lm.chat and not params.stop:
            params = replace(params, stop=loaded.lm.chat.stop)
        request = WriteRequest(client=client, served=loaded, params=params)
        choice.reply = await self._replies.start(request, ReadText(loaded, prompt), address)
        return choice

    async def _whole(self, wanted: Wanted, shape: Shape, choices: list[_Choice], address: str) -> Mapping[str, Any]:
        """Returns the whole answer, once all choices are written."""
        found = []
        for choice in choices:
            text, probabilities = "", Probabilities()
            async for piece, part in self._pieces(wanted, choice, address):
                text += piece
                probabilities.add(part)
            shown = probabilities if choice.scorer else None
            found.append(shape.choice(choice.index, text, reason=choice.end(), probabilities=shown))
        return shape.whole(found, _usage(choices))

    async def _chunks(self, wanted: Wanted, shape: Shape, choices: list[_Choice], address: str) -> AsyncIterator[str]:
        """Yields the server-sent events of an answer, those of one choice after the other."""
        try:
            for choice in choices:
                position = 0
                async for piece, part in self._pieces(wanted, choice, address):
                    shown = part if choice.scorer else None
                    yield shape.chunk([shape.choice(choice.index, piece, probabilities=shown, position=position)])
                    position += len(piece)
                yield shape.chunk([shape.choice(choice.index, "", reason=choice.end(), position=position)])
            if wanted.has_usage:
                yield shape.chunk([], _usage(choices))
        except Exception as error:
            if not isinstance(error, HTTPException | RefusalError):
                log.exception("a text could not be streamed")
            yield sent(openai_error(error))
        yield "data: [DONE]\n\n"

    async def _pieces(self, wanted: Wanted, choice: _Choice, address: str) -> AsyncIterator[tuple[str, Probabilities]]:
        """Yields the parts of the text of a choice, with the probabilities of their characters if asked for."""
        of_prompt = await self._scored(choice, choice.prompt, address)
        if wanted.echo:
            yield choice.prompt, of_prompt
        if choice.reply:
            async for piece in choice.reply.pieces():
                if piece:
                    yield piece, await self._scored(choice, piece, address)

    async def _scored(self, choice: _Choice, text: str, address: str) -> Probabilities:
        """Returns the probabilities of the next characters of a choice; none if they are not asked for."""
        found = Probabilities()
        for start in range(0, len(text) if choice.scorer else 0, _SCORED):
            assert choice.scorer  # noqa: S101
            part = text[start : start + _SCORED]
            found.add(Probabilities.of(part, await self._services.workers.run(address, choice.scorer.read, part)))
        return found

    def _end(self, choices: list[_Choice]) -> None:
        for choice in choices:
            if choice.reply:
                self._replies.end(choice.reply)


def _usage(choices: list[_Choice]) -> dict[str, int]:
    """Returns the usage of an answer, in characters; a prompt with several choices counts once."""
    read = sum(map(len, {choice.prompt for choice in choices}))
    written = sum(len(choice.reply.text) for choice in choices if choice.reply)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
