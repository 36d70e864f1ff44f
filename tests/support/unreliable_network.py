"""A network between a browser and servers that a test can cut: a TCP proxy in threads of the test's process."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from tests.support.http_server import HttpServer

_CHUNK = 65_536


class Network:
    """Forwards each connection to one of the servers, in turns.

    Attributes:
        servers: the ports that connections are forwarded to; may be changed at any time.
        is_up: whether new connections are accepted; while it is not, each is closed at once.
    """

    def __init__(self, servers: Sequence[int]) -> None:
        self.servers = list(servers)
        self.is_up = True
        self._count = 0
        self._proxy = HttpServer(0, lambda client, *_: self._serve(client)).start()
        self.url = f"{self._proxy.url}/"

    def cut(self) -> None:
        """Closes all connections, and refuses new ones until ``restore``."""
        self.is_up = False
        self._proxy.drop_connections()

    def restore(self) -> None:
        self.is_up = True

    def _serve(self, client: socket.socket) -> None:
        server = self._connect() if self.is_up else None
        if server is None:
            return
        with closing(server):
            back = threading.Thread(target=_forward, args=(server, client), daemon=True)
            back.start()
            _forward(client, server)
            back.join()

    def _connect(self) -> socket.socket | None:
        for _ in self.servers:
            self._count += 1
            with suppress(OSError):  # this one was killed
                return socket.create_connection(("127.0.0.1", self.servers[self._count % len(self.servers)]))
        return None


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
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
        found._proxy.stop()
