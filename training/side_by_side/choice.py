"""Chooses what runs tasks: processes on this machine, or Ray."""

from __future__ import annotations

from ..os_calls import processors
from .executor import Executor
from .local_processes import LocalProcesses
from .ray_tasks import RayTasks


def choose_executor(ray: str | None, device: str) -> Executor:
    """Returns the executor of `--ray`; without it local processes: one for each processor, or a single one for a GPU.

    Args:
        ray: "local", or the address of a cluster; None for processes of this machine.
        device: the type of the device that tasks train on: cpu, cuda or mps.

    Raises:
        RunError: Ray is not installed.
    """
    if ray is not None:
        return RayTasks(ray, gpus=device == "cuda")
    return LocalProcesses(processors() if device == "cpu" else 1)
