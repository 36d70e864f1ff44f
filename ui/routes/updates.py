"""Whether there is anything new about the models: a route of the app's own, which pages that stay open ask.

    GET /news     {"version": "…", "again_s": 30}

The version is another one whenever there is: a newer commit, or one that was refused. The page then asks for the rest
as it does for everything. ``again_s`` is when to ask again; null where nothing can change.
"""

from __future__ import annotations

from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from ..registry.registry import ModelRegistry

PATH = "/news"
AGAIN_S = 30
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class UpdateCheck:
    """Answers all pages.

    Args:
        shelf: the models that are served.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry

    @property
    def route(self) -> APIRoute:
        return APIRoute(PATH, self.respond, methods=["GET"], response_model=None, include_in_schema=False)

    async def respond(self) -> JSONResponse:
        again_s = AGAIN_S if self._registry.auto_updated else None
        return JSONResponse({"version": self._registry.version, "again_s": again_s}, headers=_HEADERS)
