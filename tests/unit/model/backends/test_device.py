"""The choice of torch's device. Patched functions of torch replace the hardware, since test machines have no GPU."""

import pytest
import torch

from model.backends.device import (
    best_device,
    distributed_backend,
    free_memory,
    gpu_name,
    has_fast_bfloat16,
    int8_device,
)
from model.settings import UsageError

CPU, CUDA, MPS = map(torch.device, ("cpu", "cuda", "mps"))


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(0, 0, "cpu"), (0, 1, "mps"), (1, 0, "cuda"), (1, 1, "cuda")])
def test_the_fastest_available_device_is_the_default_and_a_missing_one_is_refused(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: bool(mps))
    assert best_device().type == expected
    for name, has in (("cpu", True), ("cuda", cuda), ("mps", mps)):
        if has:
            assert best_device(name).type == name
        else:
            with pytest.raises(UsageError, match=f"^--device is {name}, but .* omit --device$"):
                best_device(name)
    if not cuda:
        assert distributed_backend(local_rank=1) == "gloo"


def test_each_device_reports_its_memory_and_mps_trains_in_float32_and_runs_int8_on_the_cpu(monkeypatch):
    assert 10e6 < (free_memory(CPU) or 0) < 1e14
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 8_000)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 3_000)
    assert (free_memory(MPS), has_fast_bfloat16(MPS)) == (5_000, False)
    assert (gpu_name(CPU), gpu_name(MPS)[:3]) == ("", "MPS")
    assert (int8_device(MPS), int8_device(CUDA)) == (CPU, CUDA)
