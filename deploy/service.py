"""The whole app as one ASGI app, for a server that app.py does not start: `uvicorn --factory deploy.service:build`.

The environment variables of app.py set its models and limits.
"""

from __future__ import annotations

import logging
import os

from fastapi import FastAPI

from app import check_options, parse_options, start_models
from ui.page.launch import asgi_app
from ui.registry.auto_update import start_updates
from ui.registry.registry import ModelRegistry


def started_registry() -> ModelRegistry:
    """Starts the models and their updates in this process; returns their registry.

    Raises:
        ValueError: a variable is not allowed.
    """
    logging.getLogger("char-lstm").setLevel(logging.INFO)
    options = parse_options((), os.environ)
    registry = start_models(options, check_options(options, os.environ))
    start_updates(registry, options.renew_every)
    return registry


def build() -> FastAPI:
    """Returns the ASGI app of a new page."""
    return asgi_app(started_registry())
