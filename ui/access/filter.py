"""The ASGI middleware in front of the whole app. A request that it denies is never parsed, and changes nothing.

It answers closed paths with 404, other methods with 405, a long URL with 414, long headers with 431, a long body with
413, a slow body with 408, and a host that is not allowed with 403.
"""

from __future__ import annotations

from contextlib import ExitStack

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..messages import RefusalError
from .addresses import Names
from .answers import answer_to
from .gradio_calls import GradioCalls
from .paths import HEALTH, OpenPath, find, open_paths
from .unread_calls import UnreadCalls
from .workers import Workers

MAX_URL = 16 << 10  # bytes of path and query; a shared link has at most 8,000 characters
MAX_HEADERS = 100
MAX_HEADER_BYTES = 8 << 10  # of all names and values
BODY_S = 30.0  # for a whole body: 512 kB at 17 kB a second
_DISCARDED = 4 << 20  # bytes that are received and dropped: a client that still sends does not read the answer
_CLOSE = {"connection": "close"}  # the rest of the body is not read
_REPLACED = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-gradio-server", "origin")


class RequestFilter:
    """Passes the requests in the table of `paths` on to the app; denies all others. MCP adds rows to it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        calls: GradioCalls,
        names: Names,
        workers: Workers,
        mcp: bool = False,
    ) -> None:
        self._app = app
        self._calls = calls
        self._unread = UnreadCalls(app)
        self._names = names
        self._limiter = workers.limiter
        self._workers = workers
        self._body_s = BODY_S
        self.paths = open_paths(calls.endpoints, mcp=mcp)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a WebSocket, which the app does not use
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        served_name = scope["path"] in HEALTH or self._names.allows(Headers(scope=scope).get("host", ""))
        request = self._forwarded(Request(dict(scope), receive))
        address = request.scope["client"][0]
        try:
            with self._limiter.request(address), ExitStack() as at_end:
                await self._pass_on(request, self._checked(request, served_name), send, at_end)
        except (HTTPException, RefusalError, ClientDisconnect) as error:
            await answer_to(request, error)(scope, receive, send)

    def _forwarded(self, request: Request) -> Request:
        """Returns the request with the client's own address, which MCP's tool calls pass on to this app's own API, and
        with the host that the client has named to a proxy."""
        scope, headers = request.scope, MutableHeaders(scope=request.scope)
        scope["client"] = scope["client"] or ("", 0)
        host = headers.get("x-forwarded-host", "").partition(",")[0].strip()
        if host and self._names.allows(host):
            headers["host"] = host
        for name in _REPLACED:  # Gradio builds URLs of some, and answers any Origin with its own CORS headers
            del headers[name]
        headers["x-forwarded-for"] = scope["client"][0]
        return Request(scope, request.receive)

    def _checked(self, request: Request, served_name: bool) -> OpenPath:
        """Returns the row of a request in the table of paths."""
        headers, path, method = request.headers.raw, request.scope["path"], request.method
        if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
            allowed = f"at most {MAX_HEADERS} of together {MAX_HEADER_BYTES:,} bytes are allowed"
            raise HTTPException(431, f"the headers are too many or too long: {allowed}")
        if len(request.scope.get("raw_path", b"")) + len(request.scope["query_string"]) > MAX_URL:
            raise HTTPException(414, f"the address is too long: at most {MAX_URL:,} bytes are allowed")
        if not served_name:
            raise HTTPException(403, "the app is not served under this name: its owner can list it in ALLOWED_HOSTS")
        row = find(self.paths, path)
        if row is None:
            raise HTTPException(
                404, self._calls.no_such_endpoint if "/call/" in path else "there is nothing at this address"
            )
        if method not in row.methods:
            allow = ", ".join(row.methods)
            raise HTTPException(405, f"{allow} is allowed at this address", {"allow": allow})
        if row.kind != "file":
            self._limiter.check_cpu(request.scope["client"][0])
        has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
        if method != "POST" and has_body:
            raise HTTPException(400, f"a {method} request has no body here", _CLOSE)
        return row

    async def _pass_on(self, request: Request, row: OpenPath, send: Send, at_end: ExitStack) -> None:
        """Passes a request on to the app once its body is received, which counts until ``at_end``."""
        scope, receive = request.scope, request.receive
        path, address = scope["path"], scope["client"][0]
        if request.method == "POST":
            declared = request.headers.get("content-length", "")
            size = min(int(declared), row.max_body) if declared.isdecimal() and len(declared) < 20 else row.max_body
            at_end.enter_context(self._limiter.body(address, size))
            try:
                with anyio.fail_after(self._body_s):
                    body = await _received(request, row.max_body)
            except TimeoutError:
                detail = f"the body did not arrive within {self._body_s:g} seconds"
                raise HTTPException(408, detail, _CLOSE) from None
            if path.startswith("/gradio_api/") and not path.startswith("/gradio_api/mcp"):
                body, session = await self._workers.run(address, self._calls.checked, path, body)
                headers = MutableHeaders(scope=scope)
                del headers["transfer-encoding"]
                headers["content-length"] = str(len(body))
                if row.kind == "call":
                    send = self._unread.noting(session, send)
            receive = _replay(body, receive)
            del body  # a reply may take minutes
        self._unread.sweep()
        with self._unread.reading(self._unread.session_of_stream(path, request.query_params)):
            await self._app(scope, receive, send)


async def _received(request: Request, most: int) -> bytes:
    """Returns the whole body."""
    declared, body, length = request.headers.get("content-length", "0"), bytearray(), 0
    if declared.isdecimal() and (len(declared) >= 20 or int(declared) > max(most, _DISCARDED)):
        raise RefusalError("refusal.body_too_long", most=most)
    async for chunk in request.stream():
        length += len(chunk)
        if length <= most:
            body.extend(chunk)
        elif length >= _DISCARDED:
            break
    if length > most:
        raise RefusalError("refusal.body_too_long", most=most)
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Returns a ``receive`` that gives the body once, and then what the server reports, such as a disconnect."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again
