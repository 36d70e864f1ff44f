"""Reads the JSON body of a request, up to a size."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from .messages import RefusalError


async def read_json(request: Request, max_bytes: int, too_long: RefusalError) -> dict[str, Any]:
    """The JSON object in the body of a request. Reading stops once the body is longer than ``max_bytes``.

    Args:
        request: whose body is read.
        max_bytes: the largest length of the body.
        too_long: raised if the body is longer.

    Raises:
        RefusalError: the body is not a JSON object, or ``too_long``.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body.extend(chunk)
            if len(body) > max_bytes:
                raise too_long
    except ClientDisconnect:
        raise RefusalError("refusal.malformed", reason="it ends too early") from None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusalError("refusal.malformed", reason="it is not JSON") from None
    if not isinstance(value, dict):
        raise RefusalError("refusal.malformed", reason="it is not a JSON object")
    return value
