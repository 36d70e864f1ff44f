"""A network between a browser and servers that a test can cut: a TCP proxy in threads of the test's process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from tests.support.http_server import HttpServer

_CHUNK = 65_536
_LAST_CHUNK = b"\r\n0\r\n\r\n"  # ends an HTTP body of unknown length


class Network:
    """Forwards each connection to one of the servers, in turns.

    Attributes:
        servers: the ports that connections are forwarded to; may be changed at any time.
        is_up: whether new connections are accepted; while it is not, each is closed at once.
        answer: an HTTP response that new connections get instead of a server; b"" is none.
        breaks_after: bytes of a stream of server-sent events after which a new connection is closed, each one some
            bytes later than the one before, so that they break at any place of an event; 0 is never.
        buffers: whether new connections collect a stream of server-sent events and forward it at its end.
    """

    def __init__(self, servers: Sequence[int]) -> None:
        self.servers = list(servers)
        self.is_up = True
        self.answer = b""
        self.breaks_after = 0
        self.buffers = False
        self._count = 0
        self._proxy = HttpServer(0, lambda client, *_: self._serve(client))
        self.url = f"{self._proxy.url}/"
        threading.Thread(target=self._proxy.serve_forever, args=(0.05,), daemon=True).start()

    def cut(self) -> None:
        """Closes all connections, and refuses new ones until ``restore``."""
        self.is_up = False
        self._proxy.drop_connections()

    def restore(self) -> None:
        self.is_up = True

    def close(self) -> None:
        self._proxy.shutdown()
        self._proxy.server_close()

    def _serve(self, client: socket.socket) -> None:
        if self.is_up and self.answer:
            _answer(client, self.answer)
        server = self._connect() if self.is_up and not self.answer else None
        if server is None:
            return
        change: Callable[[bytes], bytes] | None = _Buffer() if self.buffers else None
        if self.breaks_after and not self.buffers:
            change = _Break(self.breaks_after + 7 * self._count % 61)
        with closing(server):
            back = threading.Thread(target=_forward, args=(server, client, change), daemon=True)
            back.start()
            _forward(client, server)
            back.join()

    def _connect(self) -> socket.socket | None:
        for _ in self.servers:
            self._count += 1
            with suppress(OSError):  # this one was killed
                return socket.create_connection(("127.0.0.1", self.servers[self._count % len(self.servers)]))
        return None


class _Buffer:
    """Holds a stream of server-sent events back until it ends."""

    def __init__(self) -> None:
        self._held = b""

    def __call__(self, data: bytes) -> bytes:
        self._held += data
        if b"text/event-stream" in self._held and not self._held.endswith(_LAST_CHUNK):
            return b""
        data, self._held = self._held, b""
        return data


class _Break:
    """Raises ConnectionError after some bytes of a stream of server-sent events."""

    def __init__(self, after: int) -> None:
        self._left = after
        self._streams = False

    def __call__(self, data: bytes) -> bytes:
        self._streams = self._streams or b"text/event-stream" in data
        if self._streams:
            if self._left <= 0:
                raise ConnectionError
            data = data[: self._left]
            self._left -= len(data)
        return data


def _answer(client: socket.socket, response: bytes) -> None:
    """Sends a response to the first request of a connection."""
    with suppress(OSError):
        client.recv(_CHUNK)
        client.sendall(response)
        client.shutdown(socket.SHUT_WR)
        while client.recv(_CHUNK):  # closed before it has read all, the socket would discard the response
            pass


def _forward(source: socket.socket, target: socket.socket, change: Callable[[bytes], bytes] | None = None) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(change(data) if change else data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextmanager
def network(*servers: int) -> Iterator[Network]:
    """Yields a network in front of servers, by their ports."""
    found = Network(servers)
    try:
        yield found
    finally:
        found.close()
