"""A route that open pages poll to learn whether a model was updated.

    GET /news     {"version": "…", "again_s": 30}

The version changes when a newer commit is served or refused; the page then requests the details through Gradio.
``again_s`` is the number of seconds until the next poll; null if no model can be updated.
"""

from __future__ import annotations

from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from ..registry.registry import ModelRegistry

PATH = "/news"
AGAIN_S = 30
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class UpdateCheck:
    """Answers the polls of all pages.

    Args:
        registry: the models that are served.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry

    @property
    def route(self) -> APIRoute:
        """The route, for FastAPI."""
        return APIRoute(PATH, self.respond, methods=["GET"], response_model=None, include_in_schema=False)

    async def respond(self) -> JSONResponse:
        """Answers one poll."""
        again_s = AGAIN_S if self._registry.auto_updated else None
        return JSONResponse({"version": self._registry.version, "again_s": again_s}, headers=_HEADERS)
