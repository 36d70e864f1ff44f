"""Closes connections on which no request arrives: uvicorn waits for the rest of the headers without a limit.

The headers of a request must arrive within ``HEAD_S`` seconds after the connection or the answer before. The protocol
is that of h11, which limits the size of the headers while they arrive; httptools, which uvicorn prefers where it is
installed, does not.
"""

from __future__ import annotations

import asyncio

from uvicorn import Server
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 15.0


class TimedProtocol(H11Protocol):
    """HTTP/1.1 on a connection that is closed if the headers of a request do not arrive within ``HEAD_S`` seconds."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Called for a new connection."""
        super().connection_made(transport)
        self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        """Called with the next bytes of the client."""
        super().data_received(data)
        if self._is_answering and self._timer:
            self._timer.cancel()

    def on_response_complete(self) -> None:
        """Called at the end of an answer; the client may send another request."""
        super().on_response_complete()
        if not self._is_answering:
            self._wait_for_request()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_request(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.call_later(HEAD_S, self._end_idle)

    def _end_idle(self) -> None:
        if not self._is_answering and not self.transport.is_closing():
            self.transport.close()


def limit_connections(server: Server) -> None:
    """Makes a running server close idle connections; connections that are open already are not changed."""
    server.config.http_protocol_class = TimedProtocol
