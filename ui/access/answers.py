"""The answers to requests that are refused or have failed.

An answer is JSON with "detail", an English line; a person who opens the address in a browser gets a page with it. A
refusal that a page shows also has "refusal", a MESSAGE, and "gone" if another commit of the model is served. Under /v1
the answer is only the error of OpenAI's protocol.
"""

from __future__ import annotations

import json
import logging
from html import escape
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from ..messages import Message, RefusalError

log = logging.getLogger("char-lstm")

HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_FAULT = "something went wrong here: try again later"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{0}</title><style>
body {{ max-width: 40rem; margin: 20vh auto; padding: 0 2rem; font: 1rem/1.5 system-ui, sans-serif;
  color: light-dark(#1c1917, #f5f5f4); background: light-dark(#fafaf9, #0f0e0d) }}
h1 {{ font: 700 1.5rem/1.3 ui-monospace, monospace }} a {{ color: light-dark(#0f766e, #5eead4) }}
</style><h1>{0}</h1>
<p><a href="/">Go to the page</a></p></html>"""
_NAMES = {"length": "max_tokens"}  # a setting's name here, and in OpenAI's protocol
_TYPES = {429: "rate_limit_error", 503: "server_error", 500: "server_error"}
_CODES = {404: "model_not_found", 413: "context_length_exceeded", 429: "rate_limit_exceeded"}


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII, which alone can carry half of a surrogate pair that a client has sent."""

    def render(self, content: Any) -> bytes:
        """Returns the body."""
        return json.dumps(content, separators=(",", ":")).encode()


def answer_to(request: Request, error: Exception) -> Response:
    """Returns the answer to a request that is refused or has failed. Logs a fault."""
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)
    headers = dict(HEADERS)
    content: dict[str, Any] = {"detail": _text(error)}
    if isinstance(error, RefusalError):
        content |= refusal_content(error)
        headers |= {"retry-after": str(error.wait_s)} if error.wait_s else {}
    elif isinstance(error, HTTPException):
        headers |= error.headers or {}
    else:
        log.error("a request has failed", exc_info=error)
        content["refusal"] = Message("fault.again").as_json()
    status = _status_of(error)
    if status == 413:
        headers["connection"] = "close"  # the rest of the body is not read
    if request.scope["path"].startswith("/v1/"):
        content = openai_error(error)
    elif "text/html" in request.headers.get("accept", ""):
        detail = _text(error)
        return HTMLResponse(_PAGE.format(escape(detail[:1].upper() + detail[1:])), status, headers)
    return AsciiJSONResponse(content, status, headers)


def refusal_content(refusal: RefusalError) -> dict[str, object]:
    """Returns what an answer says of a refusal."""
    gone = {"gone": True} if refusal.id == "refusal.commit_gone" else {}
    return {"refusal": refusal.message.as_json(), **gone}


def openai_error(error: Exception) -> dict[str, Any]:
    """Returns the error object of OpenAI's protocol."""
    status, message = _status_of(error), _text(error)
    field = error.field if isinstance(error, RefusalError) else ""
    name = _NAMES.get(field, field)
    return {
        "error": {
            "message": message.replace(field, name, 1),
            "type": _TYPES.get(status, "invalid_request_error"),
            "param": name or None,
            "code": _CODES.get(status) if isinstance(error, RefusalError) else None,
        }
    }


def _status_of(error: Exception) -> int:
    if isinstance(error, RefusalError):
        return error.status
    return error.status_code if isinstance(error, HTTPException) else 500


def _text(error: Exception) -> str:
    if isinstance(error, HTTPException):
        return error.detail
    return str(error) if isinstance(error, RefusalError) else _FAULT
