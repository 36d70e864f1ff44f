"""A route with the passages in which a named cell is highest and lowest, from cells.json of its model.

    POST /passages  {"model": {"name": …, "commit": …}, "cell": [layer, index]}

The answer is {"seed": 1, "high": [[before, character, after], …], "low": …}, the most extreme passages first. "seed" is
the seed with which the model wrote the text; null for held-out text. The lists are empty for a cell without passages.
Passages with a blocked word are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse

from model.named_cells import Passage

from ...access.answers import HEADERS
from ...access.workers import Workers
from ...json_body import read_json
from ...registry.loaded_model import LoadedModel
from ...registry.registry import ModelRegistry
from ..requests import model_of, route
from .trace_answers import read_cell

PATH = "/passages"


class Passages:
    """Answers the requests of the lens Memory.

    Args:
        registry: the models that are served.
        preparing: the threads that read requests.
    """

    def __init__(self, registry: ModelRegistry, preparing: Workers) -> None:
        self._registry = registry
        self._preparing = preparing
        self.route = route(PATH, self.respond)

    async def respond(self, request: Request) -> JSONResponse:
        """Answers one request."""
        query = await read_json(request, self._preparing)
        answer = passages_of(model_of(query, self._registry), *read_cell(query))
        return JSONResponse(answer, headers=HEADERS)


def passages_of(served: LoadedModel, layer: int, index: int) -> Mapping[str, object]:
    """Returns the passages of a cell that may be shown on this site."""
    cell = next((each for each in served.lm.cells if (each.layer, each.index) == (layer, index)), None)
    if cell is None or cell.sample is None:
        return {"seed": None, "high": [], "low": []}
    blocked = served.engine.blocked

    def shown(passages: list[Passage]) -> list[list[str]]:
        parts = [[each.before, each.character, each.after] for each in passages]
        return [each for each in parts if not blocked or not blocked.inside("".join(each))]

    return {
        "seed": cell.sample.seed,
        "high": shown(cell.passages(cell.high)),
        "low": shown(cell.passages(cell.low)),
    }
