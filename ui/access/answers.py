"""The answers to requests that are refused: one line of JSON, with the same text for programs and for people."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.types import Send


class DeniedError(Exception):
    """A request that the filter denies.

    Attributes:
        status: the HTTP status of the answer.
        content: the JSON of the answer.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        content: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.content = {"detail": detail, **(content or {})}
        self.headers = dict(headers or {})


async def send_json(send: Send, denied: DeniedError) -> None:
    """Sends the answer to a denied request: one line of JSON."""
    body = json.dumps(denied.content).encode() + b"\n"
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        **denied.headers,
    }
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": denied.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
