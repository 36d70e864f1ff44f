"""Receives the body of a request before the app gets the request: at most so many bytes, within a time limit."""

from __future__ import annotations

import asyncio

from starlette.types import Message as AsgiMessage, Receive

from ..messages import Message
from .answers import DeniedError

BODY_S = 30.0  # for a whole body: 512 kB at 17 kB a second
_DISCARDED = 4 << 20  # bytes that are received and dropped: a client that still sends does not read the answer
_CLOSE = {"connection": "close"}  # the rest of the body is not read


async def receive_body(receive: Receive, declared: int | None, max_bytes: int, within_s: float = BODY_S) -> bytes:
    """Returns the whole body.

    Args:
        receive: the ``receive`` of the ASGI server.
        declared: the Content-Length; None without one.
        max_bytes: the largest body that is allowed.
        within_s: the seconds in which the whole body must arrive.

    Raises:
        DeniedError: the body is longer, or arrives too slowly.
        ConnectionError: the client has disconnected.
    """
    message = Message("refusal.body_too_long", most=max_bytes)
    too_long = DeniedError(413, str(message), content={"refusal": message.as_json()}, headers=_CLOSE)
    if declared is not None and declared > max(max_bytes, _DISCARDED):
        raise too_long

    async def receive_all() -> bytes:
        body, length = bytearray(), 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("the client has left")
            length += len(message.get("body", b""))
            if length <= max_bytes:
                body.extend(message.get("body", b""))
            more = message.get("more_body")
            if length > max_bytes and not (more and length < _DISCARDED):
                raise too_long
            if not more:
                return bytes(body)

    try:
        return await asyncio.wait_for(receive_all(), within_s)
    except (TimeoutError, asyncio.TimeoutError):  # two kinds until Python 3.11
        raise DeniedError(408, f"the body did not arrive within {within_s:g} seconds", headers=_CLOSE) from None


def replay(body: bytes, receive: Receive) -> Receive:
    """Returns a ``receive`` that gives the body once, and then what the server reports, such as a disconnect."""
    given = False

    async def receive_again() -> AsgiMessage:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
