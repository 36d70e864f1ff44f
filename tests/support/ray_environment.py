"""An environment that has Ray beside what the tests have; uv installs it, from its cache the next time."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def with_ray(requirements: str, arguments: Sequence[str]) -> list[str]:
    """Returns the command that runs Python with these arguments and the packages of a file of requirements."""
    uv = str(Path(sys.executable).with_name("uv"))
    overlay = [uv, "run", "--no-project", "--python", sys.executable, "--with-requirements", requirements]
    return [*overlay, "python", *arguments]


def ray_variables(**more: str) -> dict[str, str]:
    """Returns environment variables for a program that uses Ray."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # Ray would repeat the command of uv in each worker
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_raylet_start_wait_time_s": "300",  # on a busy machine
        "RAY_worker_register_timeout_seconds": "300",
        "RAY_agent_register_timeout_ms": "300000",  # the raylet ends without its agent
        **more,
    }
