"""A network between a browser and a server that a test can cut: a TCP proxy in threads of the test's process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.http_server import HttpServer

_CHUNK = 65_536


class Network:
    """Forwards each connection to a server.

    Attributes:
        server: the port that connections are forwarded to; may be changed at any time.
        is_up: whether new connections are accepted; while it is not, each is closed at once.
    """

    def __init__(self, server: int) -> None:
        self.server = server
        self.is_up = True
        self._proxy = HttpServer(0, lambda client, *_: self._serve(client)).start()
        self.url = f"{self._proxy.url}/"

    def cut(self) -> None:
        """Closes all connections, and refuses new ones until ``restore``."""
        self.is_up = False
        self._proxy.drop_connections()

    def restore(self) -> None:
        self.is_up = True

    def _serve(self, client: socket.socket) -> None:
        if self.is_up:
            with socket.create_connection(("127.0.0.1", self.server)) as server:
                back = threading.Thread(target=_forward, args=(server, client), daemon=True)
                back.start()
                _forward(client, server)
                back.join()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextmanager
def network(server: int) -> Iterator[Network]:
    """Yields a network in front of a server, by its port."""
    found = Network(server)
    try:
        yield found
    finally:
        found._proxy.stop()
