"""The number of threads follows the machine; the seconds of steps are made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from training.run.threads import Threads


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


def idle(threads: int) -> float:
    return 0.1 / threads


def busy(threads: int) -> float:
    return 0.1 if threads == 1 else 0.5


def used(threads: Threads, machine: Callable[[int], float], steps: int) -> list[int]:
    """The numbers that were used for some steps."""
    counts = []
    for _ in range(steps):
        counts.append(threads.use())
        assert torch.get_num_threads() == counts[-1]
        threads.add(machine(counts[-1]))
    return counts


@pytest.mark.parametrize(("machine", "best"), [(idle, 2), (busy, 1)])
def test_the_faster_number_is_used_for_nearly_all_steps(machine: Callable[[int], float], best: int) -> None:
    counts = used(Threads(torch.device("cpu")), machine, 1000)
    assert {*counts[:6]} == {1, 2}
    assert counts.count(best) > 960


def test_a_gpu_and_a_recorded_number_leave_nothing_to_choose() -> None:
    assert {*used(Threads(torch.device("cuda")), busy, 300)} == {2}
    assert (Threads(torch.device("cpu")).use(1), torch.get_num_threads()) == (1, 1)
