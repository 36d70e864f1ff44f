"""The app on Ray Serve: several replicas, on one machine or a cluster, each with a part of the requests.

    pip install -r deploy/requirements.txt
    serve run deploy.ray:app

Any replica can continue any reply, so a request may go to any of them. A replica that fails is replaced, and the pages
continue at another one. The models and limits are set by the environment variables of app.py, and by

    MIN_REPLICAS, MAX_REPLICAS      how many replicas there may be (default 1 and 4)
"""

from __future__ import annotations

import os

from fastapi import FastAPI
from ray import serve

from ui.page.launch import asgi_app
from ui.registry.registry import ModelRegistry
from ui.settings import DEADLINE_S, whole_variable

from .service import started_registry

_REQUESTS = 64  # in progress for each replica: a reply is one, and is written at 60 characters a second
_LEAST = whole_variable(os.environ, "MIN_REPLICAS", 1, 1, 1_000)
_registry: ModelRegistry | None = None  # of this replica


def _build() -> FastAPI:
    """Returns the ASGI app of a new replica."""
    global _registry  # Ray calls this function in the replica, and keeps only the app that it returns
    _registry = started_registry()
    return asgi_app(_registry)


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
        "target_ongoing_requests": _REQUESTS,
    },
)
@serve.ingress(_build)
class Replica:
    """One process with all models."""

    def check_health(self) -> None:
        """Raises RuntimeError if an engine has ended; Ray Serve then replaces the replica."""
        if _registry and _registry.failed_engines:
            raise RuntimeError(f"the engine has ended: {_registry.failed_engines}")


app = Replica.bind()  # type: ignore[attr-defined]  # added by the decorator
