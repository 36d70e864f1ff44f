"""The answers to requests that are refused: one line of JSON, or a page in a browser that opened an unknown address."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping

from starlette.types import Send

from ..messages import LANGUAGES

_NOT_FOUND = """<!DOCTYPE html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{text}</title>
<style>body {{ max-width: 40rem; margin: 20vh auto; padding: 0 1rem; font: 1.1rem/1.6 system-ui, sans-serif; }}</style>
<h1>{text}</h1>
<p><a href="{address}">{link}</a></p>
</html>
"""


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
    await _send(send, denied.status, "application/json", json.dumps(denied.content) + "\n", denied.headers)


async def send_not_found(send: Send, address: str, language: str) -> None:
    """Sends the page that says that an address does not exist, with a link to the app.

    Args:
        send: of the request.
        address: of the app.
        language: a key of ``LANGUAGES``.
    """
    texts = LANGUAGES[language]
    page = _NOT_FOUND.format(
        language=language,
        text=html.escape(texts["site.not_found"]),
        address=html.escape(address),
        link=html.escape(texts["site.open"]),
    )
    await _send(send, 404, "text/html; charset=utf-8", page, {})


async def _send(send: Send, status: int, kind: str, text: str, more: Mapping[str, str]) -> None:
    body = text.encode()
    headers = {
        "content-type": kind,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        **more,
    }
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
