"""A route with the figures of the app for Prometheus, which exists only if METRICS is 1.

    GET /metrics

    char_lstm_replies_total{model,reason}      replies that have ended, by their finish reason
    char_lstm_characters_total{model}          characters written
    char_lstm_refusals_total{id}               requests that were refused, by the id of the message
    char_lstm_first_character_seconds{model}   a histogram: from a request to the first character of the reply
    char_lstm_writing, char_lstm_waiting{model}  replies that are being written, and replies in the queue
    char_lstm_model_info{model,commit}         1 for each model that is served

and the figures of ``prometheus_client`` about the process: memory, processor time, open files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi import Request, Response
from starlette.routing import Route

from model.engine.statistics import WAIT_BOUNDS_S, Statistics

from ..access.answers import REFUSALS
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

PATH = "/metrics"


class Metrics:
    """Collects the figures for each request.

    Args:
        registry: the models that are served.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

        self._registry = registry
        # Counts of unloaded engines: a counter must never decrease.
        self._unloaded: defaultdict[str, Statistics] = defaultdict(Statistics)
        self._unloaded_characters: defaultdict[str, int] = defaultdict(int)
        registry.on_unload.append(self._add_unloaded)
        self._collectors = CollectorRegistry()
        ProcessCollector(registry=self._collectors)
        PlatformCollector(registry=self._collectors)
        self._collectors.register(self)
        self.route = Route(PATH, self.respond, methods=["GET"])

    def respond(self, _request: Request) -> Response:
        """Answers one request."""
        from prometheus_client import exposition

        return Response(exposition.generate_latest(self._collectors), media_type=exposition.CONTENT_TYPE_PLAIN_0_0_4)

    def collect(self) -> Iterator[Metric]:
        """Yields the figures; ``prometheus_client`` calls this."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        replies = CounterMetricFamily("char_lstm_replies", "Replies that have ended", labels=["model", "reason"])
        characters = CounterMetricFamily("char_lstm_characters", "Characters written", labels=["model"])
        first = HistogramMetricFamily(
            "char_lstm_first_character_seconds", "From a request to the first character", labels=["model"]
        )
        writing = GaugeMetricFamily("char_lstm_writing", "Replies that are being written", labels=["model"])
        waiting = GaugeMetricFamily("char_lstm_waiting", "Replies that wait", labels=["model"])
        refusals = CounterMetricFamily("char_lstm_refusals", "Requests that were refused", labels=["id"])
        info = GaugeMetricFamily("char_lstm_model_info", "The commit that is served", labels=["model", "commit"])
        engines: defaultdict[str, list[LoadedModel]] = defaultdict(list)
        for loaded in self._registry.all_loaded:
            engines[loaded.name].append(loaded)
        for name in sorted({*engines, *self._unloaded}):
            models = [loaded.engine for loaded in engines[name]]
            total = sum((engine.statistics for engine in models), self._unloaded[name])
            for reason, count in sorted(total.ended.items()):
                replies.add_metric([name, reason], count)
            characters.add_metric([name], self._unloaded_characters[name] + sum(engine.written for engine in models))
            first.add_metric([name], _buckets(total.waits), total.waited_s)
            writing.add_metric([name], sum(engine.running for engine in models))
            waiting.add_metric([name], sum(engine.waiting for engine in models))
        for id, count in sorted(REFUSALS.items()):
            refusals.add_metric([id], count)
        for loaded in self._registry.loaded_models:
            info.add_metric([loaded.name, loaded.commit], 1)
        yield from (replies, characters, first, writing, waiting, refusals, info)

    def _add_unloaded(self, loaded: LoadedModel) -> None:
        self._unloaded[loaded.name] += loaded.engine.statistics
        self._unloaded_characters[loaded.name] += loaded.engine.written


def _buckets(waits: list[int]) -> list[tuple[str, float]]:
    """Returns the cumulative counts by upper bound, as Prometheus expects them."""
    bounds = [*(f"{bound:g}" for bound in WAIT_BOUNDS_S), "+Inf"]
    return [(bound, sum(waits[: at + 1])) for at, bound in enumerate(bounds)]
