"""Launches the Gradio app with limits, without the features that it does not need, and with its theme."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import gradio as gr
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from gradio.exceptions import ServerFailedToStartError
from starlette.applications import Starlette
from starlette.middleware import Middleware

from ..access.connections import limit_connections
from ..access.filter import RequestFilter
from ..access.gradio_calls import GradioCalls
from ..access.names import Names
from ..routes.endpoints import refuse_malformed
from ..routes.web_files import FOLDER
from .first_paint import FirstPaint
from .page import Page

MAX_READERS = 512  # streams at once; the engine's own queue is full earlier, and refuses with a message
MAX_QUEUED = 64
MAX_STATES = 100  # of Gradio's sessions, which nothing here uses
_OPTIONS: dict[str, Any] = {
    "show_error": False,  # the text of an exception may hold a path; that of gr.Error is always sent
    "max_file_size": "1kb",  # nothing is uploaded here, and the filter closes the route
    "enable_monitoring": False,
    "run_history": False,
    "ssr_mode": False,
    "pwa": False,
    "favicon_path": str(FOLDER / "favicon.png"),
    "footer_links": ["api"],
}


def launch(page: Page, **options: Any) -> str:
    """Starts to serve the page in threads and returns its address; ``page.blocks.close()`` ends it.

    Raises:
        OSError: the port is taken.
    """
    _set_up_gradio(page)
    bound_to = options.get("server_name") or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    filter_options = _filter_options(page, bound_to=bound_to, mcp=bool(options.get("mcp_server")))
    settings: dict[str, Any] = {
        "prevent_thread_lock": True,
        "quiet": True,
        "share": False,
        "max_threads": MAX_READERS,  # also the number of streams at once, though they need no threads
        # Gradio keeps a copy of its configuration for each call of the API, 25 kB, by default of 10,000 calls.
        "state_session_capacity": MAX_STATES,
        "strict_cors": True,
        "theme": theme(),
        **_OPTIONS,
        "app_kwargs": _app_kwargs(page) | {"lifespan": _filtered(filter_options)},
    }
    try:
        _, url, _ = page.blocks.launch(**settings | options)
    except ServerFailedToStartError as error:
        raise OSError(str(error)) from None
    limit_connections(page.blocks.server)
    return str(url)


def _set_up_gradio(page: Page) -> None:
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # After each event Gradio computes a table of statistics of all events.
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)
    page.blocks.state_session_capacity = MAX_STATES
    # Outside of Spaces a call could otherwise be posted to /run, past the queue and its limits.
    page.blocks.queue(max_size=MAX_QUEUED, default_concurrency_limit=MAX_READERS, api_open=False)


def asgi_app(page: Page) -> FastAPI:
    """Returns the page as an ASGI app, for a server that this program does not start, such as Ray Serve."""
    _set_up_gradio(page)
    app = gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        page.blocks,
        "/",
        app_kwargs=_app_kwargs(page),
        mcp_server=False,
        theme=theme(),
        **_OPTIONS,
    )
    app.add_middleware(RequestFilter, **_filter_options(page, bound_to="", mcp=False))
    return app


def _app_kwargs(page: Page) -> dict[str, Any]:
    """Returns what is added to Gradio's FastAPI app: routes, middleware, exception handlers."""
    return {
        "exception_handlers": {RequestValidationError: refuse_malformed},
        "middleware": [Middleware(FirstPaint, registry=page.registry, web=page.web, limiter=page.limiter)],
        "routes": page.routes,
    }


def _filter_options(page: Page, *, bound_to: str, mcp: bool) -> dict[str, Any]:
    """Returns the arguments of the request filter.

    Args:
        page: the page.
        bound_to: the address that the server listens on; "" if it is not known.
        mcp: whether the API is served as MCP tools, too.
    """
    site = page.registry.site
    return {
        "calls": GradioCalls(page.blocks),
        "names": Names(bound_to, site.allowed_hosts, site.allowed_origins),
        "proxies": site.proxies,
        "limiter": page.limiter,
        "mcp": mcp,
        "metrics": site.metrics,
    }


def _filtered(filter_options: dict[str, Any]) -> Any:
    """Returns a lifespan that puts the request filter in front of all other middleware before the first request.

    Middleware that is passed to FastAPI runs behind Gradio's CORS middleware, which allows every origin.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        assert app.middleware_stack is not None, "Starlette has built it to call the lifespan"  # noqa: S101
        app.middleware_stack = RequestFilter(app.middleware_stack, **filter_options)
        yield

    return lifespan


def theme() -> gr.themes.Base:
    """Returns the theme: readable contrast, and fonts of the visitor's system, so that none is downloaded."""
    sans = ["ui-sans-serif", "system-ui", "sans-serif"]
    mono = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace"]
    base = gr.themes.Base(primary_hue="teal", neutral_hue="stone", font=sans, font_mono=mono)
    return base.set(
        body_background_fill="*neutral_50",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        block_border_width="0px",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_label_background_fill="transparent",
        block_padding="0px",
        color_accent="*primary_700",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        input_background_fill="white",
        input_background_fill_dark="*neutral_800",
        input_border_width="1px",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
    )
