"""Writes the figures of a benchmark as JSON, with the machine on which they were measured."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import torch


def machine() -> dict[str, Any]:
    """Returns the processor, its instructions and the version of torch."""
    return {
        "cpus": os.cpu_count(),
        "processor": platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }


def write_json(path: Path, found: dict[str, Any]) -> None:
    """Writes the figures, creates the folder if it is missing, and prints the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"written to {path}")
