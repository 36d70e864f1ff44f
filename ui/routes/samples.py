"""A route with the texts that a model wrote during its training, which are stored beside it in samples.jsonl.

    GET /samples?model=NAME

The answer is {"samples": [[step, text], …]}, oldest first. Texts with a blocked word are left out.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import JSONResponse

from ..access.answers import HEADERS
from ..access.limits import Limiter
from ..access.workers import Workers
from ..registry.loaded_model import LoadedModel
from ..registry.lookup import find_model
from ..registry.registry import ModelRegistry
from .requests import address_of, route

PATH = "/samples"


class Samples:
    """Answers the requests of the demonstration *Watch it learn*.

    Args:
        registry: the models that are served.
        limiter: counts what each address uses.
    """

    def __init__(self, registry: ModelRegistry, limiter: Limiter) -> None:
        self._registry = registry
        self._workers = Workers(limiter, at_once=1)
        self.route = route(PATH, self.respond, "GET")

    async def respond(self, request: Request) -> JSONResponse:
        """Answers one request."""
        address = address_of(request)
        served = await find_model(self._registry, request.query_params.get("model"))
        samples = await self._workers.run(address, samples_of, served)  # a million characters may be searched
        return JSONResponse({"samples": samples}, headers=HEADERS)


def samples_of(served: LoadedModel) -> list[tuple[int, str]]:
    """Returns step and text of the samples that may be shown on this site."""
    blocked = served.engine.blocked
    samples = [(each["step"], each["prompt"] + each["text"]) for each in served.lm.models[0].samples]
    return [(step, text) for step, text in samples if not blocked or not blocked.inside(text)]
