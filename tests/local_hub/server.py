"""The HTTP server of the local Hub: reads requests, makes faults happen, writes responses.

One thread per connection, HTTP/1.1 with keep-alive. The path is not decoded before routing, because an encoded slash
keeps a revision in one segment. `Server` gets a function from `Request` to `Response` and knows no routes.
"""

import json
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from tests.local_hub.faults import PORTAL, Fault, Faults
from tests.support.http_server import HttpServer


class Refusal(Exception):  # noqa: N818 - a response, not a bug
    """A response with an error: HTTP status, message, and the X-Error-Code that the client reads."""

    def __init__(self, status: int, message: str, code: str | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.extra = status, message, code, extra


@dataclass
class Request:
    """One request; `params` are the decoded parts of the path that the route names."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    origin: str
    params: dict[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body or b"{}")
        return value


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Logged:
    """A request in the log: `token` is that of the Authorization header, `origin` the address it was sent to."""

    method: str
    target: str
    origin: str
    token: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


def _flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :] if body else body


def json_response(value: object, status: int = 200, **headers: str) -> Response:
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json", **names})


def refusal_response(refusal: Refusal) -> Response:
    """Returns an error as the Hub sends it: in headers, because a response to HEAD has no body."""
    headers = {"X_Error_Message": " ".join(refusal.message.split()).encode("latin-1", "replace").decode("latin-1")}
    if refusal.code:
        headers["X_Error_Code"] = refusal.code
    return json_response({"error": refusal.message, **refusal.extra}, refusal.status, **headers)


_ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Request-Id",
}


class Server(HttpServer):
    """Serves `answer` on 127.0.0.1; adds to a log of requests, and the tracebacks of its own bugs to `crashes`."""

    def __init__(
        self, port: int, faults: Faults, log: list[Logged], crashes: list[str], answer: Callable[[Request], Response]
    ) -> None:
        self.faults, self.log, self.crashes, self.answer = faults, log, crashes, answer
        super().__init__(port, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            self.crashes.append(traceback.format_exc())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def _serve(self) -> None:
        line = f"{self.command} {self.path}"
        fault = self.server.faults.take(line)
        body = b"" if fault and fault.kind == "cut" and not fault.after else self._read_body()
        self._log_request()
        if fault and fault.kind == "wrong" and self.command == "PUT":
            body, fault = _flipped(body), None
        if fault and not fault.after and self._send_fault(fault):
            return
        response = self._work(body)
        if fault and fault.after and self._send_fault(fault):
            return
        self._send(response, fault)

    def do_OPTIONS(self) -> None:
        """Answers a browser that asks whether a page of another origin may send a request."""
        self.send_response(204)
        for name, value in _ALLOWED.items():
            self.send_header(name, value)
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - names that the base class asks for

    def _log_request(self) -> None:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        self.server.log.append(Logged(self.command, self.path, self._origin(), token if kind == "Bearer" else None))

    def _origin(self) -> str:
        return "http://" + self.headers.get("Host", "")

    def _read_body(self) -> bytes:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionError("the client went away in the middle of its body")
        return body

    def _work(self, body: bytes) -> Response:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            return self.server.answer(Request(self.command, path, parse_qs(query, True), headers, body, self._origin()))
        except Refusal as refusal:
            return refusal_response(refusal)
        except Exception:  # noqa: BLE001 - a bug of the local Hub, for the client and the test to see
            self.server.crashes.append(traceback.format_exc())
            return json_response({"error": "the local Hub has crashed, see its crashes"}, 500)

    def _send_fault(self, fault: Fault) -> bool:
        """Sends what the fault sends instead of a response; returns False if the response is still to be sent."""
        if isinstance(fault.kind, int):
            refused = refusal_response(Refusal(fault.kind, f"fault {fault.kind}"))
            refused.headers["Retry-After"] = str(fault.retry_after)
            self._send(refused)
        elif fault.kind == "hang":
            fault.released.wait()
            self._cut()
        elif fault.kind == "cut":
            self._cut()
        elif fault.kind == "redirect":
            self._send(Response(302, headers={"Location": fault.location}))
        elif fault.kind == "html":
            self._send(Response(200, PORTAL, {"Content-Type": "text/html"}))
        else:
            if fault.kind == "slow":
                fault.released.wait(fault.seconds)
            return False
        return True

    def _send(self, response: Response, fault: Fault | None = None) -> None:
        body = response.body
        if fault and fault.kind == "wrong":
            body = _flipped(body)
        if fault and fault.kind == "short" and self.command != "HEAD":
            body = body[:-1]
            response.headers.pop("Content-Length", None)
        self.send_response(response.status)
        self.send_header("Access-Control-Allow-Origin", "*")  # a page of another origin may read it
        self.send_header("Access-Control-Expose-Headers", "ETag")  # the hash of an uploaded part
        for name, value in response.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in response.headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()  # one write with the headers; the body follows at once, Nagle is off
        if self.command == "HEAD":
            return
        if fault and fault.kind in ("cut-body", "hang-body"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if fault.kind == "hang-body":
                fault.released.wait()
            self._cut(reset=False)
            return
        self.wfile.write(body)

    def _cut(self, reset: bool = True) -> None:
        """Ends the connection; with `reset` by RST instead of FIN, so that unread bytes are lost."""
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def log_message(self, format: str, *args: Any) -> None:
        """Prints nothing: tests read `Server.log`."""
