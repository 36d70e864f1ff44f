"""The whole app as one ASGI app, for a server that app.py does not start: `uvicorn --factory deploy.service:build`.

The environment variables of app.py set its models and limits.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from fastapi import FastAPI

from app import check_options, parse_options, start_models
from ui.page.launch import asgi_app
from ui.page.page import Page
from ui.registry.auto_update import AutoUpdater


class Service:
    """The models, their updates, and the page with its routes, in this process.

    Args:
        environment: the environment variables.

    Attributes:
        app: the ASGI app.

    Raises:
        ValueError: a variable is not allowed.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        options = parse_options((), environment)
        self._registry = start_models(options, check_options(options, environment))
        AutoUpdater(self._registry, options.renew_every_s).start()
        self._page = Page(self._registry)
        self.app: FastAPI = asgi_app(self._page)

    @property
    def failure(self) -> str:
        """Why the process must be restarted; "" if it works."""
        return self._registry.failed_engines

    @property
    def remaining_characters(self) -> int:
        """The number of characters that the replies in progress may still get."""
        return self._page.write.replies.remaining_characters


def build() -> FastAPI:
    """Returns the ASGI app of a new service."""
    logging.getLogger("char-lstm").setLevel(logging.INFO)
    return Service(os.environ).app
