"""Routes about the site: a description for a page, which open pages poll; what is stored beside its models; health.

    GET /site                the site: {"version": "…", "again_s": 30, "title": "…", "welcome": "…",
                             "notices": [MESSAGE], "models": [MODEL], "address": "https://…", "lenses": true}
    GET /site?since=VERSION  the same; only "version" and "again_s" while the version is still this one

``again_s`` is the number of seconds until the next poll; null if nothing can change. "welcome" is the owner's text
below the title, "" for the page's own. "address" is the public address of the site, "" if it is not known.
"lenses" says whether the owner lets visitors look inside the models.

MODEL has name, commit ("" for a folder), failure (MESSAGE or null), loading, about (MESSAGES), welcome (a text by the
model with the default settings), welcome_seed (its seed), examples, chat ({"prefix", "suffix", "stop"} or null),
layers, hidden, vocab, cells (its named cells), samples (whether samples of its training are stored), exact (whether it
writes the same text on every machine) and version (of the int8 inference, or "float32").

A container runtime, a load balancer or Ray Serve requests

    GET /healthz  {"status": "ok"} while the engine of every served model runs; otherwise 503: restart the process
    GET /readyz   {"status": "ok"} once the first model can write; otherwise 503: send the visitors elsewhere

Routes with what is stored beside a model. What holds a blocked word is left out.

    GET /samples?model=NAME  the texts that it wrote during its training, from samples.jsonl:
                             {"samples": [[step, text], …]}, oldest first
    POST /passages           {"model": {"name": …, "commit": …}, "cell": [layer, index]}: the passages in which a named
                             cell is highest and lowest, from cells.json: {"seed": 1, "high": [[before, character,
                             after], …], "low": …}, the most extreme ones first. "seed" is the seed with which the model
                             wrote the text; null for held-out text. The lists are empty for a cell without passages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.routing import Route

from model.int8.weights import VERSION

from ..access.addresses import address_of_space
from ..access.answers import HEADERS
from ..messages import Message
from ..registry.loaded_model import LoadedModel, Preview
from ..registry.registry import Entry, ModelRegistry
from .lenses import read_cell
from .requests import Services, address_of, route

AGAIN_S = 30.0  # between two polls of an open page
_LOADING_S = 1.0  # between two polls while a model still loads
_UNKNOWN: Mapping[str, object] = {  # of a model that is not served
    **dict.fromkeys(("commit", "welcome", "version"), ""),
    **dict.fromkeys(("about", "examples", "vocab", "cells"), ()),
    **dict.fromkeys(("welcome_seed", "layers", "hidden"), 0),
    **dict.fromkeys(("samples", "exact"), False),
    "chat": None,
}


def site_route(registry: ModelRegistry) -> Route:
    """Returns the route."""

    async def respond(request: Request) -> JSONResponse:
        # It changes whenever a model is loaded, updated or refused, and when the app restarts.
        version = f"{registry.version}.{len(registry.loading)}{'' if registry.settled.is_set() else '+'}"
        again_s = AGAIN_S if registry.may_change else None
        if registry.loading or not registry.settled.is_set():
            again_s = _LOADING_S
        content: dict[str, object] = {"version": version, "again_s": again_s}
        if request.query_params.get("since") != version:
            loading = registry.loading
            notices = registry.notices + ([Message("model.loading", names=loading)] if loading else [])
            content |= {
                "title": registry.site.title,
                "welcome": registry.site.intro,
                "notices": [notice.as_json() for notice in notices],
                "models": [_model(entry, registry) for entry in registry.entries],
                "address": address_of_space(),
                "lenses": registry.site.lenses,
            }
        return JSONResponse(content, headers=HEADERS)

    return route("/site", respond, "GET")


def _model(entry: Entry, registry: ModelRegistry) -> Mapping[str, object]:
    """Returns the MODEL of an entry."""
    failure, served = entry.failure, entry.loaded or entry.preview
    facts = _facts(served) if served and not failure else _UNKNOWN
    if (
        not served and not failure and registry.settled.is_set()
    ):  # a page chooses another model until this one is loaded
        failure = Message("model.loading", names=[entry.name])
    return {
        "name": entry.name,
        "failure": failure.as_json() if failure else None,
        "loading": not served and not entry.done.is_set(),
        **facts,
    }


def _facts(served: Preview) -> Mapping[str, object]:
    lm, is_int8 = served.lm, served.precision == "int8"
    return {
        "commit": lm.commit or "",
        "about": [fact.as_json() for fact in served.about],
        "welcome": served.welcome_text,
        "welcome_seed": served.welcome_seed,
        "examples": served.examples,
        "chat": asdict(lm.chat) if lm.chat else None,
        "layers": lm.config.num_layers,
        "hidden": lm.config.hidden_size,
        "vocab": lm.tokenizer.vocab,
        "cells": [
            {**cell.facts(), "remembers": cell.remembers, "passages": bool(cell.high or cell.low)} for cell in lm.cells
        ],
        "samples": bool(lm.models[0].samples),
        "exact": is_int8,
        "version": str(VERSION) if is_int8 else "float32",
    }


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
