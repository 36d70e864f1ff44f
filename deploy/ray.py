"""The app on Ray Serve: several replicas, on one machine or a cluster, each with a part of the requests.

    pip install -r deploy/requirements.txt
    serve run deploy.ray:app

Any replica can continue any reply, so a request may go to any of them. A replica that fails is replaced, and the pages
continue at another one. The models and limits are set by the environment variables of app.py, and by

    MIN_REPLICAS, MAX_REPLICAS      how many replicas there may be (default 1 and 4)
    CHARACTERS_PER_REPLICA          characters still to be written for which one replica is added (default 20,000)
"""

from __future__ import annotations

import math
import os

from fastapi import FastAPI
from ray import serve
from ray.serve.config import AutoscalingContext

from ui.page.launch import asgi_app
from ui.page.page import Page
from ui.settings import DEADLINE_S, whole_variable

from .service import start_page

_REMAINING = "remaining_characters"
_page: Page | None = None  # of this replica


def _build() -> FastAPI:
    """Returns the ASGI app of a new replica."""
    global _page  # Ray calls this function in the replica, and keeps only the app that it returns
    _page = start_page()
    return asgi_app(_page)


def replicas_needed(context: AutoscalingContext) -> tuple[int, dict[str, object]]:
    """Returns the number of replicas for the characters that are still to be written, and an empty policy state."""
    values = (context.aggregated_metrics or {}).get(_REMAINING, {}).values()
    return max(1, math.ceil(sum(values) / _CHARACTERS)), {}


_CHARACTERS = whole_variable(os.environ, "CHARACTERS_PER_REPLICA", 20_000, 1, 10**9)
_LEAST = whole_variable(os.environ, "MIN_REPLICAS", 1, 1, 1_000)


@serve.deployment(
    max_ongoing_requests=512,
    health_check_period_s=5,
    health_check_timeout_s=30,
    # A replica that Ray stops, as after an update of the code, first completes its replies.
    graceful_shutdown_timeout_s=DEADLINE_S,
    autoscaling_config={
        "min_replicas": _LEAST,
        "initial_replicas": _LEAST,
        "max_replicas": max(_LEAST, whole_variable(os.environ, "MAX_REPLICAS", 4, 1, 1_000)),
        "policy": {"policy_function": replicas_needed},
    },
)
@serve.ingress(_build)
class Replica:
    """One process with all models."""

    def check_health(self) -> None:
        """Raises RuntimeError if an engine has ended; Ray Serve then replaces the replica."""
        if _page and _page.registry.failed_engines:
            raise RuntimeError(f"the engine has ended: {_page.registry.failed_engines}")

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Returns the characters that this replica is still to write, for ``replicas_needed``."""
        return {_REMAINING: _page.write.replies.remaining_characters if _page else 0}


app = Replica.bind()  # type: ignore[attr-defined]  # added by the decorator
