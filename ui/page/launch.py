"""How Gradio serves the page: its limits, its surface, its look."""

from __future__ import annotations

import os
from typing import Any

import gradio as gr
from fastapi import FastAPI
from gradio.exceptions import ServerFailedToStartError
from gradio.route_utils import FnIndexInferError
from starlette.middleware import Middleware

from ..routes.endpoints import no_such_endpoint
from .first_paint import FirstPaint
from .page import Page

MAX_READERS = 512  # streams at once; an engine's own queue is full before, and says so in words
MAX_QUEUED = 64
FOOTER_LINKS: list[Any] = ["api", "settings"]


def launch(page: Page, **options: Any) -> str:
    """Serves in threads of its own and returns the address; ``page.blocks.close()`` ends it.

    Raises:
        OSError: the port is taken.
    """
    _set_up_gradio()
    page.blocks.queue(max_size=MAX_QUEUED, default_concurrency_limit=MAX_READERS)
    settings: dict[str, Any] = {
        "prevent_thread_lock": True,
        "quiet": True,
        "share": False,
        "show_error": False,  # the text of an exception may hold a path; that of gr.Error is always sent
        "max_threads": MAX_READERS,  # also the number of streams at once, though they need no threads
        # Gradio keeps a copy of its configuration for each call of the API, 25 kB, by default of 10,000 calls.
        "state_session_capacity": MAX_READERS,
        "max_file_size": "1kb",  # nothing is uploaded here, but the route is open
        "enable_monitoring": False,
        "run_history": False,
        "strict_cors": True,
        "ssr_mode": False,
        "pwa": False,
        "footer_links": FOOTER_LINKS,
        "theme": theme(),
        "app_kwargs": _app_kwargs(page),
    }
    if port := os.environ.get("GRADIO_SERVER_PORT"):
        settings["server_port"] = int(port)  # this one; left to Gradio, it would be this or one of the next hundred
    try:
        _, url, _ = page.blocks.launch(**settings | options)
    except ServerFailedToStartError as error:
        raise OSError(str(error)) from None
    return str(url)


def _set_up_gradio() -> None:
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # Gradio keeps statistics of its events and makes a table of them all after each one.
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)


def asgi_app(page: Page) -> FastAPI:
    """The page as an ASGI app, for a server that this program does not start, such as Ray Serve."""
    _set_up_gradio()
    page.blocks.queue(max_size=MAX_QUEUED, default_concurrency_limit=MAX_READERS)
    return gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        page.blocks,
        "/",
        footer_links=FOOTER_LINKS,
        run_history=False,
        app_kwargs=_app_kwargs(page),
        show_error=False,
        max_file_size="1kb",
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
    )


def _app_kwargs(page: Page) -> dict[str, Any]:
    """What is added to Gradio's FastAPI app: routes, middleware, exception handlers."""
    return {
        "exception_handlers": {FnIndexInferError: no_such_endpoint},
        "middleware": [Middleware(FirstPaint, registry=page.registry, web=page.web.base())],
        "routes": page.routes,
    }


def theme() -> gr.themes.Base:
    """Quiet colours that can be read, and fonts that every system has: the page asks no other host for anything."""
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
