"""A route with the texts that a model wrote during its training, which are stored beside it in samples.jsonl.

    GET /samples?model=NAME

The answer is {"samples": [[step, text], …]}, oldest first. Texts with a blocked word are left out.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.routing import Route

from ..access.answers import HEADERS
from ..access.workers import Workers
from ..registry.loaded_model import LoadedModel
from ..registry.lookup import find_model
from .requests import Services, address_of, route


def samples_route(services: Services) -> Route:
    """Returns the route, which the demonstration *Watch it learn* requests."""
    workers = Workers(services.limiter, at_once=1)

    async def respond(request: Request) -> JSONResponse:
        served = await find_model(services.registry, request.query_params.get("model"))
        samples = await workers.run(address_of(request), _shown, served)  # a million characters may be searched
        return JSONResponse({"samples": samples}, headers=HEADERS)

    return route("/samples", respond, "GET")


def _shown(served: LoadedModel) -> list[tuple[int, str]]:
    """Returns step and text of the samples that may be shown on this site."""
    blocked = served.engine.blocked
    samples = [(each["step"], each["prompt"] + each["text"]) for each in served.lm.models[0].samples]
    return [(step, text) for step, text in samples if not blocked or not blocked.inside(text)]
