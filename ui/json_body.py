"""Reads the JSON body of a request, whose size `ui/access` has limited."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from .messages import RefusalError


async def read_json(request: Request) -> dict[str, Any]:
    """Returns the JSON object in the body of a request.

    Raises:
        RefusalError: the body is not a JSON object.
    """
    try:
        body = await request.body()
    except ClientDisconnect:
        raise RefusalError("refusal.malformed", reason="it ends too early") from None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusalError("refusal.malformed", reason="it is not JSON") from None
    if not isinstance(value, dict):
        raise RefusalError("refusal.malformed", reason="it is not a JSON object")
    return value
