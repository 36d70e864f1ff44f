"""Routes for monitoring by a container runtime, a load balancer, Ray Serve or Prometheus.

    GET /healthz  {"status": "ok"} while the engine of every served model runs; otherwise 503: restart the process
    GET /readyz   {"status": "ok"} once the first model can write; otherwise 503: send the visitors elsewhere
    GET /metrics  figures for Prometheus, if METRICS is 1

    char_lstm_replies_total{model,reason}      replies that have ended, by their finish reason
    char_lstm_characters_total{model}          characters written
    char_lstm_refusals_total{id}               requests that were refused, by the id of the message
    char_lstm_first_character_seconds{model}   a histogram: from a request to the first character of the reply
    char_lstm_writing, char_lstm_waiting{model}  replies that are being written, and replies in the queue
    char_lstm_model_info{model,commit}         1 for each model that is served

and the figures of ``prometheus_client`` about the process: memory, processor time, open files.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.routing import Route

from model.engine.statistics import WAIT_BOUNDS_S, Statistics

from ..access.answers import HEADERS, REFUSALS
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from .requests import route

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


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
    from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, exposition

    collectors = CollectorRegistry()
    ProcessCollector(registry=collectors)
    PlatformCollector(registry=collectors)
    collectors.register(_Figures(registry))

    async def respond(_request: Request) -> Response:
        return Response(exposition.generate_latest(collectors), media_type=exposition.CONTENT_TYPE_PLAIN_0_0_4)

    return route("/metrics", respond, "GET")


class _Figures:
    """The figures of all engines, as ``prometheus_client`` collects them."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        # Counts of unloaded engines: a counter must never decrease.
        self._statistics: defaultdict[str, Statistics] = defaultdict(Statistics)
        self._written: Counter[str] = Counter()
        registry.on_unload.append(self._add_unloaded)

    def _add_unloaded(self, loaded: LoadedModel) -> None:
        self._statistics[loaded.name] += loaded.engine.statistics
        self._written[loaded.name] += loaded.engine.written

    def collect(self) -> Iterator[Metric]:
        """Yields the figures."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        replies = CounterMetricFamily("char_lstm_replies", "Replies that have ended", labels=["model", "reason"])
        characters = CounterMetricFamily("char_lstm_characters", "Characters written", labels=["model"])
        first_help = "From a request to the first character"
        first = HistogramMetricFamily("char_lstm_first_character_seconds", first_help, labels=["model"])
        writing = GaugeMetricFamily("char_lstm_writing", "Replies that are being written", labels=["model"])
        waiting = GaugeMetricFamily("char_lstm_waiting", "Replies that wait", labels=["model"])
        refusals = CounterMetricFamily("char_lstm_refusals", "Requests that were refused", labels=["id"])
        info = GaugeMetricFamily("char_lstm_model_info", "The commit that is served", labels=["model", "commit"])
        loaded_models = self._registry.all_loaded
        for name in sorted({*self._statistics, *(loaded.name for loaded in loaded_models)}):
            engines = [loaded.engine for loaded in loaded_models if loaded.name == name]
            total = sum((engine.statistics for engine in engines), self._statistics[name])
            for reason, count in sorted(total.ended.items()):
                replies.add_metric([name, reason], count)
            characters.add_metric([name], self._written[name] + sum(engine.written for engine in engines))
            first.add_metric([name], _buckets(total.waits), total.waited_s)
            writing.add_metric([name], sum(engine.running for engine in engines))
            waiting.add_metric([name], sum(engine.waiting for engine in engines))
        for id, count in sorted(REFUSALS.items()):
            refusals.add_metric([id], count)
        for loaded in self._registry.loaded_models:
            info.add_metric([loaded.name, loaded.commit], 1)
        yield from (replies, characters, first, writing, waiting, refusals, info)


def _buckets(waits: list[int]) -> list[tuple[str, float]]:
    """Returns the cumulative counts by upper bound, as Prometheus expects them."""
    bounds = [*(f"{bound:g}" for bound in WAIT_BOUNDS_S), "+Inf"]
    return [(bound, sum(waits[: at + 1])) for at, bound in enumerate(bounds)]
