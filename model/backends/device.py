"""The device that PyTorch computes on: cuda, mps or cpu. This module decides everything that differs between them.

MPS (the GPU of Apple's processors) has no float64 and no torch.distributed backend, by PyTorch's documentation. So
float64 sums are computed on the CPU, and several processes train on CUDA GPUs or on the CPU.
"""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

import torch

from ..settings import DEVICES, UsageError

_MISSING = {"cuda": "torch finds no CUDA GPU", "mps": "torch finds no Apple GPU, or macOS is too old for it"}


def is_available(name: str) -> bool:
    """Returns whether torch can compute on "cuda", "mps" or "cpu" here."""
    if name == "cuda":
        return torch.cuda.is_available()
    if name == "mps":
        return torch.backends.mps.is_available()
    return True


def best_device(requested: str | None = None) -> torch.device:
    """Returns the requested device, or the fastest one of this machine: cuda, then mps, then cpu.

    Raises:
        UsageError: the requested device does not exist on this machine.
    """
    if requested is None:
        return torch.device(next(name for name in DEVICES if is_available(name)))
    if not is_available(requested):
        raise UsageError(f"--device is {requested}, but {_MISSING[requested]} here: omit --device")
    return torch.device(requested)


def gpu_name(device: torch.device) -> str:
    """Returns the GPU's name, such as "NVIDIA A100-SXM4-40GB" or "MPS on arm64"; "" for the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"MPS on {platform.machine()}" if device.type == "mps" else ""


def int8_device(device: torch.device) -> torch.device:
    """Returns the device for int8 inference with a network on `device`.

    It is the CPU instead of MPS: no documentation of MPS promises that float32 products of whole numbers are exact.
    """
    return torch.device("cpu") if device.type == "mps" else device


def has_fast_bfloat16(device: torch.device) -> bool:
    """Returns whether the hardware multiplies bfloat16 matrices, so that they may be faster than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "mps":
        return False
    if not hasattr(torch.cpu, "get_capabilities"):  # torch 2.6
        return False
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def free_memory(device: torch.device) -> int | None:
    """Returns the free bytes of the device's memory; the total if only that is known; None if neither is known."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    with contextlib.suppress(OSError, ValueError, IndexError):
        found = Path("/proc/meminfo").read_text(encoding="utf-8").partition("MemAvailable:")[2].split()
        return int(found[0]) * 1024
    with contextlib.suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def distributed_backend(local_rank: int) -> str:
    """Returns the torch.distributed backend of this process; with CUDA, first selects the GPU number `local_rank`."""
    if not is_available("cuda"):
        return "gloo"
    torch.cuda.set_device(local_rank)
    return "cpu:gloo,cuda:nccl"
