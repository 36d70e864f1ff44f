"""Routes with what is stored beside a model. What holds a blocked word is left out.

GET /samples?model=NAME  the texts that it wrote during its training, from samples.jsonl:
                         {"samples": [[step, text], …]}, oldest first
POST /passages           {"model": {"name": …, "commit": …}, "cell": [layer, index]}: the passages in which a named
                         cell is highest and lowest, from cells.json: {"seed": 1, "high": [[before, character,
                         after], …], "low": …}, the most extreme ones first. "seed" is the seed with which the model
                         wrote the text; null for held-out text. The lists are empty for a cell without passages.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.routing import Route

from ..access.answers import HEADERS
from ..registry.loaded_model import LoadedModel
from .lenses.trace_answers import read_cell
from .requests import Services, address_of, route


def samples_route(services: Services) -> Route:
    """Returns the route, which the demonstration *Watch it learn* requests."""

    async def respond(request: Request) -> JSONResponse:
        served = await services.registry.find(request.query_params.get("model"))
        # A million characters may be searched.
        samples = await services.workers.run(address_of(request), _shown, served)
        return JSONResponse({"samples": samples}, headers=HEADERS)

    return route("/samples", respond, "GET")


def _shown(served: LoadedModel) -> list[tuple[int, str]]:
    """Returns step and text of the samples that may be shown on this site."""
    samples = [(each["step"], each["prompt"] + each["text"]) for each in served.lm.models[0].samples]
    return [(step, text) for step, text in samples if not served.engine.blocked.inside(text)]


def passages_route(services: Services) -> Route:
    """Returns the route, which the lens Memory requests."""

    async def respond(request: Request) -> JSONResponse:
        fields = await services.fields(request)
        served = await services.model(fields, address_of(request))
        return JSONResponse(_passages(served, *read_cell(fields)), headers=HEADERS)

    return route("/passages", respond)


def _passages(served: LoadedModel, layer: int, index: int) -> Mapping[str, object]:
    """Returns the passages of a cell that may be shown on this site."""
    cell = next((each for each in served.lm.cells if (each.layer, each.index) == (layer, index)), None)
    if cell is None or cell.sample is None:
        return {"seed": None, "high": [], "low": []}
    high, low = (
        [each for each in cell.passages(positions) if not served.engine.blocked.inside("".join(each))]
        for positions in (cell.high, cell.low)
    )
    return {"seed": cell.sample.seed, "high": high, "low": low}
