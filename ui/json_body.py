"""Reads the JSON body of a request, whose size `ui/access` has limited."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from .access.workers import Workers
from .messages import RefusalError

_SMALL = 4 << 10  # bytes that are parsed at once; a larger body is parsed in a thread


async def read_body(request: Request) -> bytes:
    """Returns the body of a request.

    Raises:
        RefusalError: the client has disconnected.
    """
    try:
        return await request.body()
    except ClientDisconnect:
        raise RefusalError("refusal.malformed", reason="it ends too early") from None


async def read_json(request: Request, workers: Workers) -> dict[str, Any]:
    """Returns the JSON object in the body of a request.

    Args:
        request: the request.
        workers: the threads in which a large body is parsed; its client pays the processor time.

    Raises:
        RefusalError: the body is not a JSON object, or the client has too much work.
    """
    body = await read_body(request)
    if len(body) <= _SMALL:
        return parse_json(body)
    address = request.client.host if request.client else ""
    async with workers.work(address):
        return await workers.run(address, parse_json, body)


def parse_json(body: bytes) -> dict[str, Any]:
    """Returns the JSON object in a body.

    Raises:
        RefusalError: the body is not a JSON object.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusalError("refusal.malformed", reason="it is not JSON") from None
    if not isinstance(value, dict):
        raise RefusalError("refusal.malformed", reason="it is not a JSON object")
    return value
