"""The choice of torch's device. Patched functions of torch replace the hardware, since test machines have no GPU."""

from __future__ import annotations

import pytest
import torch

from model.backends.device import (
    DeviceUnavailableError,
    best_device,
    distributed_backend,
    free_memory,
    gpu_name,
    has_fast_bfloat16,
    int8_device,
)

CPU = torch.device("cpu")


@pytest.fixture
def has(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Set which GPUs torch reports."""
    found = {"cuda": False, "mps": False}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found["cuda"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: found["mps"])
    return found


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(0, 0, "cpu"), (0, 1, "mps"), (1, 0, "cuda"), (1, 1, "cuda")])
def test_the_fastest_available_device_is_the_default(has: dict[str, bool], cuda: int, mps: int, expected: str) -> None:
    has.update(cuda=bool(cuda), mps=bool(mps))
    assert best_device().type == expected
    for requested in ("cpu", expected):
        assert best_device(requested).type == requested


@pytest.mark.parametrize("requested", ["cuda", "mps"])
def test_a_missing_device_is_refused_in_one_line(has: dict[str, bool], requested: str) -> None:
    with pytest.raises(DeviceUnavailableError, match=f"^--device is {requested}, but .* omit --device$"):
        best_device(requested)


def test_the_cpu_reports_free_memory_and_whether_bfloat16_is_fast() -> None:
    free = free_memory(CPU)
    assert free is not None
    assert 10e6 < free < 1e14
    assert isinstance(has_fast_bfloat16(CPU), bool)
    assert gpu_name(CPU) == ""


def test_the_oldest_supported_torch_reports_bfloat16_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    now = has_fast_bfloat16(CPU)
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert has_fast_bfloat16(CPU) == now


def test_mps_reports_its_own_memory_and_trains_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 8_000)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 3_000)
    mps = torch.device("mps")
    assert free_memory(mps) == 5_000
    assert not has_fast_bfloat16(mps)
    assert gpu_name(mps).startswith("MPS")


def test_int8_inference_of_a_network_on_mps_runs_on_the_cpu() -> None:
    assert int8_device(torch.device("mps")) == CPU
    assert int8_device(torch.device("cuda")).type == "cuda"


def test_without_cuda_processes_communicate_over_gloo(has: dict[str, bool]) -> None:
    assert distributed_backend(local_rank=1) == "gloo"
