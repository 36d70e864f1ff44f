"""Routes for monitoring by a container runtime, a load balancer or Ray Serve.

GET /healthz  {"status": "ok"} while the engine of every served model runs; otherwise 503: restart the process
GET /readyz   {"status": "ok"} once the first model can write; otherwise 503: send the visitors elsewhere
"""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.routing import Route

from ..access.answers import HEADERS
from ..registry.registry import ModelRegistry
from .requests import route


def health_routes(registry: ModelRegistry) -> list[Route]:
    """Returns the routes /healthz and /readyz."""

    async def health(_request: Request) -> JSONResponse:
        failed = registry.failed_engines
        return _answer(f"the engine has ended: {failed}" if failed else "ok")

    async def ready(_request: Request) -> JSONResponse:
        return _answer("ok" if registry.first() and not registry.failed_engines else "no model is loaded")

    return [route("/healthz", health, "GET"), route("/readyz", ready, "GET")]


def _answer(status: str) -> JSONResponse:
    return JSONResponse({"status": status}, 200 if status == "ok" else 503, HEADERS)
