"""What a process of a run knows without the others; whole runs are in tests/integration."""

from __future__ import annotations

import pytest
import torch

from training.learner import processes
from training.learner.processes import ProcessesError


@pytest.fixture
def second_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment variables that torchrun sets."""
    variables = {"RANK": "1", "WORLD_SIZE": "3", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_a_single_process_reads_all_rows() -> None:
    assert (processes.rank(), processes.count(), processes.rows(5)) == (0, 1, slice(0, 5))


@pytest.mark.usefixtures("second_of_three")
def test_rows_are_shared_evenly() -> None:
    assert (processes.rank(), processes.count()) == (1, 3)
    assert [processes.rows(batch) for batch in (3, 8)] == [slice(1, 2), slice(2, 5)]
    with pytest.raises(ProcessesError, match=r"batch is 2, .* 3 processes"):
        processes.rows(2)


@pytest.mark.usefixtures("second_of_three")
def test_several_processes_do_not_train_on_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patched functions of torch stand in for an Apple GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert processes.training_device(None).type == "cpu"
    with pytest.raises(ProcessesError, match="--device mps trains in one process"):
        processes.training_device("mps")
    monkeypatch.delenv("RANK")
    assert processes.training_device(None).type == "mps"
