"""What a page asks the app's own routes: a JSON object of bounded size."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from .messages import RefusalError


async def question(request: Request, most_bytes: int, too_long: RefusalError) -> dict[str, Any]:
    """The body of a request; of a longer one nothing beyond the bound is read.

    Raises:
        RefusalError: it is no JSON object, or ``too_long``.
    """
    body = bytearray()
    async for chunk in request.stream():
        body.extend(chunk)
        if len(body) > most_bytes:
            raise too_long
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusalError("refusal.malformed", reason="it is not JSON") from None
    if not isinstance(asked, dict):
        raise RefusalError("refusal.malformed", reason="it is not a JSON object")
    return asked
