"""Ports for the servers of tests, and an HTTP server that knows its open connections, to close them when it stops."""

import contextlib
import itertools
import os
import socket
import sys
import threading
from http.server import ThreadingHTTPServer
from typing import Any, TypeVar

_Server = TypeVar("_Server", bound="HttpServer")
# Below the ports that connections get from the system, so that none takes a port before its server does; each process
# begins at another one.
_FIRST, _COUNT = 10_000, 20_000
_numbers = itertools.count(os.getpid() * 97 % _COUNT)


def free_port() -> int:
    """Returns a port of this machine that nothing listens on, another one each time."""
    while True:
        port = _FIRST + next(_numbers) % _COUNT
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class HttpServer(ThreadingHTTPServer):
    """Listens on a port of 127.0.0.1; port 0 is one that is free."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, handler: Any) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), handler)

    def start(self: _Server) -> _Server:
        """Serves in a thread until `stop`."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints nothing of connections that the client or this server has closed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        """Stops listening, and ends all connections, so that their threads end."""
        super().server_close()
        self.drop_connections()

    def drop_connections(self) -> None:
        for connection in list(self._connections):
            with contextlib.suppress(OSError):  # the client has closed it
                connection.shutdown(socket.SHUT_RDWR)
