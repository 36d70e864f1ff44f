"""The whole app as one ASGI app, for a server that app.py does not start: `uvicorn --factory deploy.service:build`.

The environment variables of app.py set its models and limits.
"""

from __future__ import annotations

import logging
import os

from fastapi import FastAPI

from app import check_options, parse_options, start_models
from ui.page.launch import asgi_app
from ui.page.page import Page
from ui.registry.auto_update import AutoUpdater


def start_page() -> Page:
    """Starts the models and their updates in this process; returns the page that serves them.

    Raises:
        ValueError: a variable is not allowed.
    """
    logging.getLogger("char-lstm").setLevel(logging.INFO)
    options = parse_options((), os.environ)
    registry = start_models(options, check_options(options, os.environ))
    AutoUpdater(registry, options.renew_every_s).start()
    return Page(registry)


def build() -> FastAPI:
    """Returns the ASGI app of a new page."""
    return asgi_app(start_page())
