"""Routes for monitoring by a container runtime, a load balancer, Ray Serve or Prometheus.

    GET /healthz  {"status": "ok"} while the engine of every served model runs; otherwise 503: restart the process
    GET /readyz   {"status": "ok"} once the first model can write; otherwise 503: send the visitors elsewhere
    GET /metrics  figures for Prometheus, if METRICS is 1

Beside the figures that `metrics_route` defines, those of ``prometheus_client`` about the process are served: memory,
processor time, open files.
"""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.routing import Route

from model import Sequence

from ..access.answers import HEADERS, REFUSALS
from ..conversation.progress import on_end
from ..registry.registry import ModelRegistry
from .requests import route

# Upper bounds in seconds: a page should show the first character within a tenth of a second.
_WAITS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


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


def metrics_route(registry: ModelRegistry) -> Route:
    """Returns the route /metrics."""
    from prometheus_client import (
        CollectorRegistry,
        Counter,
        Gauge,
        Histogram,
        PlatformCollector,
        ProcessCollector,
        exposition,
    )

    own, by_model = CollectorRegistry(), ["model"]
    ProcessCollector(registry=own)
    PlatformCollector(registry=own)
    replies = Counter("char_lstm_replies", "Replies that have ended", ["model", "reason"], registry=own)
    characters = Counter("char_lstm_characters", "Characters written", by_model, registry=own)
    refusals = Counter("char_lstm_refusals", "Requests that were refused", ["id"], registry=own)
    first = Histogram(
        "char_lstm_first_character_seconds",
        "From a request to the first character",
        by_model,
        buckets=_WAITS_S,
        registry=own,
    )
    writing = Gauge("char_lstm_writing", "Replies that are being written", by_model, registry=own)
    waiting = Gauge("char_lstm_waiting", "Replies that wait", by_model, registry=own)
    info = Gauge("char_lstm_model_info", "The commit that is served", ["model", "commit"], registry=own)

    def count(model: str, sequence: Sequence) -> None:
        replies.labels(model, sequence.finish_reason or "abort").inc()
        characters.labels(model).inc(sequence.length)
        if sequence.started_at:
            first.labels(model).observe(sequence.started_at - sequence.added_at)

    async def respond(_request: Request) -> Response:
        while REFUSALS:
            id, times = REFUSALS.popitem()
            refusals.labels(id).inc(times)
        for gauge in (writing, waiting, info):
            gauge.clear()
        for loaded in registry.all_loaded:
            writing.labels(loaded.name).inc(loaded.engine.running)
            waiting.labels(loaded.name).inc(loaded.engine.waiting)
        for loaded in registry.loaded_models:
            info.labels(loaded.name, loaded.commit).set(1)
        return Response(exposition.generate_latest(own), media_type=exposition.CONTENT_TYPE_PLAIN_0_0_4)

    on_end.append(count)
    return route("/metrics", respond, "GET")
