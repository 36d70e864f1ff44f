"""A client of the page without a browser: calls Gradio's routes as the controls do, and reads a reply's stream."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from typing import Any

import httpx

from tests.support.english import read_view
from ui.words import english

TIMEOUT_S = 120
# uvicorn closes a connection that was idle for 5 s; a request sent at that moment would fail.
LIMITS = httpx.Limits(max_connections=None, keepalive_expiry=2)


class Visitor:
    """One session of the page.

    Args:
        http: the HTTP client; visitors may share one.
        url: the address of the page.
        config: the answer of the page's ``/config``.
    """

    def __init__(self, http: httpx.AsyncClient, url: str, config: dict[str, Any]) -> None:
        self.http = http
        self.url = url
        self._session = uuid.uuid4().hex
        parts = [(each["id"], each["props"]) for each in config["components"]]
        self._values = {id_: props.get("value") for id_, props in parts}
        self._labels = {id_: english(props.get("label") or "") for id_, props in parts}
        self._named = {props.get("elem_id") or english(props["value"]): id_ for id_, props in parts if _is_name(props)}
        self._events = {
            (target, event): each  # the first of several events of a control; the others follow it in a chain
            for each in reversed(config["dependencies"])
            for target, event in map(tuple, each["targets"])
        }

    async def press(self, control: str, event: str = "click", about: dict[str, str] | None = None, **given: Any) -> Any:
        """Use a control, named by its text or its element id; returns the events that the view receives.

        Args:
            about: the data of an event of the view itself.
            given: settings by their labels; the others keep the page's values.
        """
        called = self._events[self._named[control], event]
        data = [given.get(self._labels[id_], self._values[id_]) for id_ in called["inputs"]]
        call = {"data": data, "fn_index": called["id"], "session_hash": self._session, "event_data": about}
        answer = await self.http.post(f"{self.url}gradio_api/run/predict", json=call)
        shown = answer.raise_for_status().json()["data"]
        return read_view(shown[0]) if shown and isinstance(shown[0], str) else []

    async def arrive(self) -> None:
        """Open the page, and with it a session."""
        await self.settle("")

    async def send(self, prompt: str, **given: Any) -> str:
        """Press Send; returns the token of the reply's stream."""
        return str((await self.press("Send", Prompt=prompt, **given))[-1]["stream"])

    async def settle(self, token: str) -> Any:
        """Send what the view sends when a stream has ended."""
        return await self.press("view", "settle", {"stream": token})

    def address(self, token: str) -> str:
        return f"{self.url}stream/{token}"

    async def read(self, token: str) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the events of a stream."""
        async with self.http.stream("GET", self.address(token)) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    yield read_view(line.removeprefix("data: "))[0]

    async def reply(self, token: str) -> tuple[str, list[dict[str, Any]]]:
        """Return the text of a whole stream, and its other events except those about the load."""
        events = [event async for event in self.read(token)]
        others = [event for event in events if "text" not in event and "load" not in event]
        return "".join(event.get("text", "") for event in events), others


def _is_name(props: dict[str, Any]) -> bool:
    return bool(props.get("elem_id")) or isinstance(props.get("value"), str)
