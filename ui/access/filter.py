"""The ASGI middleware in front of the whole app. A request that it denies is never parsed, and changes nothing.

It answers closed paths with 404 (a page for a browser, JSON for programs), other methods with 405, a long URL with 414,
long headers with 431, a long body with 413, a slow body with 408, and a host that is not allowed with 403. In the
requests that it passes on, the address is that of the client instead of a proxy, and Origin is removed: the middleware
itself sends the CORS headers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..messages import best_language
from .answers import DeniedError, send_json, send_not_found
from .bodies import BODY_S, receive_body, replay
from .clients import Proxies
from .gradio_calls import GradioCalls
from .limits import Limiter, TooManyError
from .names import Names
from .paths import HEALTH, OpenPath, find, open_paths
from .public_address import address_of_app, origin_of
from .unread_calls import UnreadCalls

MAX_URL = 16 << 10  # bytes of path and query; a shared link has at most 8,000 characters
MAX_HEADERS = 100
MAX_HEADER_BYTES = 8 << 10  # of all names and values
_CLOSED = "there is nothing at this address"

Headers = Sequence[tuple[bytes, bytes]]


class RequestFilter:
    """Passes the requests in the table of `paths` on to the app, and denies all others.

    Args:
        app: the app behind the middleware.
        calls: checks the requests to Gradio's queue.
        names: the hosts and origins that are allowed.
        proxies: the proxies that are trusted to name their clients.
        limiter: counts what each address uses.
        mcp: whether the API is served as MCP tools, too.
        metrics: whether /metrics is served.
        body_s: seconds in which a body must arrive.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        calls: GradioCalls,
        names: Names,
        proxies: Proxies,
        limiter: Limiter,
        mcp: bool = False,
        metrics: bool = False,
        body_s: float = BODY_S,
    ) -> None:
        self._app = app
        self._calls = calls
        self._unread = UnreadCalls(app)
        self._names = names
        self._proxies = proxies
        self._limiter = limiter
        self._body_s = body_s
        self.paths = open_paths(calls.endpoints, mcp=mcp, metrics=metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a WebSocket, which the app does not use
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        scope = self._forwarded(scope)
        origin = _header(scope["headers"], b"origin")
        allowed = self._names.headers_for(origin)

        async def send_allowed(message: Message) -> None:
            if allowed and message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *allowed]}
            await send(message)

        address = scope["client"][0]
        try:
            self._limiter.begin_request(address)
        except TooManyError as refusal:
            await send_json(send_allowed, _too_many(refusal))
            return
        held: list[int] = []
        try:
            if scope["method"] == "OPTIONS" and allowed:
                await self._answer_preflight(scope, origin, send)
                return
            try:
                receive, passed = await self._checked(scope, receive, send_allowed, held)
            except ConnectionError:
                return
            scope["headers"] = [each for each in scope["headers"] if each[0] != b"origin"]
            self._unread.start()
            with self._unread.reading(self._unread.session_of_stream(scope["path"], scope["query_string"])):
                await self._app(scope, receive, passed)
        except DeniedError as denied:
            await self._deny(scope, denied, send_allowed)
        except TooManyError as refusal:
            await send_json(send_allowed, _too_many(refusal))
        finally:
            self._limiter.end_body(address, sum(held))
            self._limiter.end_request(address)

    async def _deny(self, scope: Scope, denied: DeniedError, send: Send) -> None:
        headers = scope["headers"]
        if denied.status != 404 or "text/html" not in _header(headers, b"accept"):
            await send_json(send, denied)
            return
        address = address_of_app(scope["public_origin"], scope.get("root_path", ""))
        await send_not_found(send, address or "/", best_language(_header(headers, b"accept-language")))

    async def _checked(self, scope: Scope, receive: Receive, send: Send, held: list[int]) -> tuple[Receive, Send]:
        """Checks a request; returns the ``receive`` and ``send`` that the app gets, and adds its size to ``held``.

        Raises:
            DeniedError: the request is denied.
            TooManyError: the address is over a limit.
            ConnectionError: the client has disconnected.
        """
        path, address = scope["path"], scope["client"][0]
        self._check_head(scope)
        row = self._row(path, scope["method"])
        declared = _content_length(scope["headers"])
        if row.kind == "work":
            self._limiter.check_cpu(address)
        if scope["method"] != "POST":
            if declared or _header(scope["headers"], b"transfer-encoding"):
                raise DeniedError(400, f"a {scope['method']} request has no body here", headers={"connection": "close"})
            return receive, send
        size = min(row.max_body if declared is None else declared, row.max_body)
        self._limiter.begin_body(address, size)
        held.append(size)
        body = await receive_body(receive, declared, row.max_body, self._body_s)
        if path.startswith("/gradio_api/") and not path.startswith("/gradio_api/mcp"):
            began = time.thread_time()
            body, session = self._calls.check_call(path, body)
            self._limiter.spend_cpu(address, time.thread_time() - began)
            scope["headers"] = _with_length(scope["headers"], len(body))
            if row.kind == "call":
                send = self._unread.noting(session, send)
        return replay(body, receive), send

    def _check_head(self, scope: Scope) -> None:
        headers: Headers = scope["headers"]
        if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
            allowed = f"at most {MAX_HEADERS} of together {MAX_HEADER_BYTES:,} bytes are allowed"
            raise DeniedError(431, f"the headers are too many or too long: {allowed}")
        if len(scope.get("raw_path", b"")) + len(scope["query_string"]) > MAX_URL:
            raise DeniedError(414, f"the address is too long: at most {MAX_URL:,} bytes are allowed")
        if scope["path"] not in HEALTH and not self._names.allows_host(_header(headers, b"host")):
            raise DeniedError(403, "the app is not served under this name: its owner can list it in ALLOWED_HOSTS")

    def _row(self, path: str, method: str) -> OpenPath:
        row = find(self.paths, path)
        if row is None:
            raise DeniedError(404, self._calls.no_such_endpoint if "/call/" in path else _CLOSED)
        if method not in row.methods:
            allow = ", ".join(row.methods)
            raise DeniedError(405, f"{allow} is allowed at this address", headers={"allow": allow})
        return row

    async def _answer_preflight(self, scope: Scope, origin: str, send: Send) -> None:
        self._check_head(scope)
        row = find(self.paths, scope["path"])
        if row is None:
            raise DeniedError(404, _CLOSED)
        headers = self._names.preflight_headers(origin, row.methods)
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 204, "headers": encoded})
        await send({"type": "http.response.body", "body": b""})

    def _forwarded(self, scope: Scope) -> Scope:
        """Returns the request with the client's own address, which MCP's tool calls pass on to this app's own API.

        Its "public_origin" is the scheme and host to which the client sent the request, for the addresses in a
        document. Headers with which Gradio would fail are removed: it builds a URL from X-Forwarded-Host.
        """
        peer = scope["client"] or ("", 0)
        address = self._proxies.client(peer[0], _header(scope["headers"], b"x-forwarded-for"))
        headers = [each for each in scope["headers"] if each[0] not in (b"x-forwarded-for", b"x-gradio-server")]
        named = _header(headers, b"x-forwarded-host").partition(",")[0].strip()
        if not (named and self._proxies.trusts(peer[0]) and self._names.allows_host(named)):
            headers = [each for each in headers if each[0] != b"x-forwarded-host"]
        forwarded: dict[str, Any] = {
            **scope,
            "client": (address, peer[1]),
            "headers": [*headers, (b"x-forwarded-for", address.encode("latin-1"))],
            "public_origin": origin_of(scope["scheme"], scope["headers"], peer, self._proxies, self._names),
        }
        return forwarded


def _too_many(refusal: TooManyError) -> DeniedError:
    """Returns the answer to a request that may be repeated later; the page shows the refusal."""
    content = {"refusal": refusal.message.as_json()}
    return DeniedError(429, str(refusal), content=content, headers={"retry-after": str(refusal.wait_s)})


def _header(headers: Headers, name: bytes) -> str:
    """Returns all values of a header, separated by commas; "" without one."""
    return ", ".join(value.decode("latin-1") for each, value in headers if each == name)


def _content_length(headers: Headers) -> int | None:
    value = _header(headers, b"content-length")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 20 else None


def _with_length(headers: Headers, length: int) -> Headers:
    others = [each for each in headers if each[0] not in (b"content-length", b"transfer-encoding")]
    return [*others, (b"content-length", str(length).encode())]
