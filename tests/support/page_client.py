"""A client of the app as the page is one, without a browser."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.request_bodies import WRITE
from ui.messages import Message

TIMEOUT_S = 120
# uvicorn closes a connection that was idle for 5 s; a request sent at that moment would fail.
LIMITS = httpx.Limits(max_connections=None, keepalive_expiry=2)
_MESSAGES = ("status", "refusal", "error")


def english(message: Any, joint: str = " ") -> str:
    """The text of a message, of one in JSON, or of several with a joint between them."""
    if isinstance(message, dict):
        values = {name: _value(value) for name, value in message.get("values", {}).items()}
        return str(Message(message["id"], **values))
    if isinstance(message, list | tuple):
        return joint.join(english(each) for each in message)
    return "" if message is None else str(message)


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(each) for each in value]
    return english(value) if isinstance(value, dict) else value


class RefusedError(Exception):
    """The server refused a request.

    Attributes:
        status: of the answer.
        content: of the answer, with English texts.
    """

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.content = {**answer.json(), "refusal": english(answer.json().get("refusal"))}
        super().__init__(f"{self.status}: {self.content}")


@dataclass
class Reply:
    """A reply as a page receives it.

    Attributes:
        text: of all its events.
        ending: the last event.
    """

    text: str = ""
    ending: dict[str, Any] = field(default_factory=dict)


@dataclass
class PageClient:
    """One page.

    Attributes:
        http: the HTTP client; pages may share one.
        url: the address of the app.
        client: the id by which the server distinguishes pages.
    """

    http: httpx.AsyncClient
    url: str
    client: str = field(default_factory=lambda: uuid.uuid4().hex)

    def request(self, model: str, text: str, commit: str = "", **given: Any) -> dict[str, Any]:
        """A request for a reply; settings may be given by their names, and any other field."""
        settings = {
            name: given.pop(name) for name in ("length", "temperature", "top_k", "stop", "share") if name in given
        }
        return {
            **WRITE,
            "model": {"name": model, "commit": commit},
            "text": text,
            "settings": {"length": 50, "temperature": 0.8, "seed": given.pop("seed", 7), **settings},
            "id": uuid.uuid4().hex,
            "client": self.client,
            **given,
        }

    async def events(self, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the events of a reply, with their ids."""
        async with self.http.stream("POST", f"{self.url}write", json=request) as answer:
            if answer.status_code != 200:
                await answer.aread()
                if "json" not in answer.headers.get("content-type", ""):  # of a proxy whose replica has ended
                    answer.raise_for_status()
                raise RefusedError(answer)
            assert answer.headers["content-type"].startswith("text/event-stream")
            id_, written = "", len(request["received"])
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    id_ = value
                elif name == "data":
                    event = json.loads(value)
                    shown = {each: english(event[each]) for each in _MESSAGES if event.get(each) is not None}
                    written += len(event.get("text", ""))
                    assert int(id_) == written
                    yield {"id": int(id_), **event, **shown}

    async def write(self, model: str, text: str, **given: Any) -> Reply:
        return await self.read(self.request(model, text, **given))

    async def read(self, request: dict[str, Any]) -> Reply:
        reply = Reply()
        async for event in self.events(request):
            reply.text += event.get("text", "")
            if "end" in event:
                reply.ending = event
        return reply

    async def stop(self, request: dict[str, Any]) -> bool:
        """Press Stop; returns whether the reply was being written."""
        answer = await self.http.post(f"{self.url}write/stop", json={"id": request["id"]})
        return bool(answer.raise_for_status().json()["stopped"])
