"""Serves the page with Gradio: as a ``gradio.Server`` that `launch` starts, or as an ASGI app for another server.

`Page` has the routes that the page's modules request, and the endpoints of the API.
"""

from __future__ import annotations

import os
from typing import Any

import gradio as gr
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from gradio.exceptions import ServerFailedToStartError
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ..access.addresses import LOOPBACK, Names
from ..access.filter import RequestFilter
from ..access.gradio_calls import GradioCalls
from ..registry.registry import ModelRegistry
from ..routes.api import api_endpoints, refuse_malformed
from ..routes.lenses import Traces
from ..routes.openai.endpoints import OpenAI
from ..routes.requests import Services
from ..routes.site import health_routes, passages_route, samples_route, site_route
from ..routes.web_files import FOLDER, WebFiles
from ..routes.write import RunningReplies, Writer
from .document import Document, api_document_route

MAX_READERS = 512  # streams of the API at once; the engine's own queue is full earlier, and refuses with a message
MAX_STATES = 100  # of Gradio's sessions, which nothing here uses
_OPTIONS: dict[str, Any] = {
    "show_error": False,  # the text of an exception may hold a path; that of gr.Error is always sent
    "enable_monitoring": False,
    "run_history": False,
    "ssr_mode": False,
    "pwa": False,
    "favicon_path": str(FOLDER / "favicon.png"),
}


class Page:
    """The page for the models of a registry.

    Args:
        registry: the models that are served.

    Attributes:
        endpoints: the functions of the API by name, for ``gradio.Server.api``.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self.registry = registry
        services = Services(registry)
        self.limiter, self.workers = services.limiter, services.workers
        self.replies = RunningReplies(services)
        self.traces = Traces(services)
        self.web = WebFiles()
        self.document = Document(self.replies, self.web)
        self.endpoints = api_endpoints(self.replies)
        self.routes: list[Route] = [
            self.document.route,
            api_document_route(registry, self.endpoints),
            site_route(registry),
            *Writer(self.replies).routes,
            *([self.traces.route, passages_route(services)] if registry.site.lenses else []),
            samples_route(services),
            self.web.route,
            *OpenAI(self.replies).routes,
            *health_routes(registry),
        ]

    def add_to(self, app: FastAPI) -> None:
        """Adds the routes to an app, before Gradio's, and an answer to malformed requests that does not repeat them."""
        app.router.routes.extend(self.routes)
        app.add_exception_handler(RequestValidationError, refuse_malformed)


class AppServer(gr.Server):
    """The page and the API as a Gradio server, behind the request filter.

    Args:
        page: the page, which is the attribute ``page``.
        bound_to: the address that the server listens on.
        mcp: whether the API is served as MCP tools, too.
    """

    def __init__(self, page: Page, *, bound_to: str, mcp: bool) -> None:
        super().__init__(openapi_url=None, docs_url=None, redoc_url=None)
        self.page = page
        page.add_to(self)
        for name, function in page.endpoints.items():
            self.api(function, name=name, concurrency_limit=None)
        # Gradio adds middleware when it launches, CORS for every origin among it; the filter is in front of all.
        self.filter = _filter(super().__call__, page, bound_to=bound_to, mcp=mcp)
        self._entry = outermost(self.filter, page)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        await self._entry(scope, receive, send)

    def close(self) -> None:
        """Ends the server, which frees its port."""
        self.get_blocks().close(verbose=False)


def launch(
    registry: ModelRegistry, *, server_port: int | None = None, mcp_server: bool = False
) -> tuple[AppServer, str]:
    """Starts to serve the page of a registry in threads; returns the server, which ``close`` ends, and its address.

    Raises:
        OSError: the port is taken.
    """
    _set_up_gradio()
    bound_to = os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    server = AppServer(Page(registry), bound_to=bound_to, mcp=mcp_server)
    try:
        _, url, _ = server.launch(
            server_port=server_port,
            mcp_server=mcp_server,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            max_threads=MAX_READERS,  # also the number of streams at once, though they need no threads
            # Gradio keeps a copy of its configuration for each call of the API, 25 kB, by default of 10,000 calls.
            state_session_capacity=MAX_STATES,
            strict_cors=True,
            **_OPTIONS,
        )
    except ServerFailedToStartError as error:
        raise OSError(str(error)) from None
    return server, str(url)


def asgi_app(registry: ModelRegistry) -> FastAPI:
    """Returns the page of a registry as an ASGI app, for a server that this program does not start, such as Ray Serve.

    ``gradio.Server`` registers its endpoints only when it launches a server of its own.
    """
    _set_up_gradio()
    app, page = FastAPI(openapi_url=None), Page(registry)
    page.add_to(app)
    with gr.Blocks(analytics_enabled=False) as blocks:
        for name, function in page.endpoints.items():
            gr.api(function, api_name=name, concurrency_limit=None)  # type: ignore[attr-defined]
    handlers = {"exception_handlers": {RequestValidationError: refuse_malformed}}
    gr.mount_gradio_app(app, blocks, "/", app_kwargs=handlers, mcp_server=False, **_OPTIONS)
    app.add_middleware(_filter, page=page, bound_to="", mcp=False)
    app.add_middleware(outermost, page=page)
    return app


def _set_up_gradio() -> None:
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # After each event Gradio computes a table of statistics of all events.
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)


def _filter(app: ASGIApp, page: Page, *, bound_to: str, mcp: bool) -> RequestFilter:
    site, calls = page.registry.site, GradioCalls(page.endpoints)
    names = Names(bound_to, site.allowed_hosts)
    return RequestFilter(app, calls=calls, names=names, workers=page.workers, mcp=mcp)


def outermost(app: Any, page: Page) -> Any:
    """Returns the app with CORS for the origins that the owner lists, and with the addresses of clients of proxies."""
    site = page.registry.site
    if site.allowed_origins:
        headers = ("authorization", "content-type")
        app = CORSMiddleware(
            app, allow_origins=site.allowed_origins, allow_methods=("GET", "POST"), allow_headers=headers
        )
    return _Proxies(app, trusted_hosts=[*LOOPBACK, *site.proxies])


class _Proxies(ProxyHeadersMiddleware):
    """Takes the client's address from trusted proxies, and removes X-Forwarded-Host from requests of others."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        host, port = scope.get("client") or ("", None)
        # No TCP connection has port 0: uvicorn's own middleware has replaced the address of a proxy that it trusts.
        if scope["type"] == "http" and port != 0 and host not in self.trusted_hosts:
            scope["headers"] = [each for each in scope["headers"] if each[0] != b"x-forwarded-host"]
        await super().__call__(scope, receive, send)
