"""Two routes for monitoring by a container runtime, a load balancer or Ray Serve.

GET /healthz  {"status": "ok"} while the engine of every served model runs; otherwise 503: restart the process
GET /readyz   {"status": "ok"} once the first model can write; otherwise 503: send the visitors elsewhere
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ..access.answers import HEADERS
from ..registry.registry import ModelRegistry

HEALTH_PATH = "/healthz"
READY_PATH = "/readyz"


class Health:
    """Answers health and readiness checks.

    Args:
        registry: the models that are served.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self.routes = [Route(HEALTH_PATH, self.respond_to_health), Route(READY_PATH, self.respond_to_ready)]

    @property
    def failed(self) -> list[str]:
        """The names of the served models whose engine has ended, for example after a fault of the device."""
        return [loaded.name for loaded in self._registry.loaded_models if not loaded.thread.is_alive()]

    async def respond_to_health(self, _request: Request) -> JSONResponse:
        """Answers one request."""
        return _answer(f"the engine has ended: {', '.join(self.failed)}" if self.failed else "ok")

    async def respond_to_ready(self, _request: Request) -> JSONResponse:
        """Answers one request."""
        return _answer("ok" if self._registry.first() and not self.failed else "no model is loaded")


def _answer(status: str) -> JSONResponse:
    return JSONResponse({"status": status}, 200 if status == "ok" else 503, HEADERS)
