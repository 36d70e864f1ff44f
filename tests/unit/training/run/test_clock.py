"""The log of the progress of a run when it is damaged, and its number of threads; the seconds of steps are made up."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from training.run.clock import LOG, ProgressLog
from training.run.measure import Threads


def add(folder: Path, after: int, steps: range) -> ProgressLog:
    """Records steps of a run that was resumed after a step; returns the log, which is not closed."""
    log = ProgressLog(folder, after, 2.5 * after, 100)
    for step in steps:
        log.add(step, 2.5 * step, 1 + step % 2)
    return log


def repeated(folder: Path, after: int) -> list[int]:
    """The steps that a run repeats after a checkpoint."""
    log = ProgressLog(folder, after, 2.5 * after, 100)
    found = {step: log.repeated(step) for step in range(60)}
    log.close()
    assert all(record in (None, (2.5 * step, 1 + step % 2)) for step, record in found.items())
    return [step for step, record in found.items() if record]


@pytest.mark.parametrize("cut", [1, 21])
def test_a_log_that_was_cut_or_damaged_is_read_up_to_there_and_goes_on(tmp_path: Path, cut: int) -> None:
    killed = [add(tmp_path, 0, range(1, 6))]  # the log of a killed process was not closed, and is on disk
    data = (tmp_path / LOG).read_bytes()
    assert len(data) == 5 * 20
    whole = (len(data) - cut) // 20
    for damaged in (data[:-cut], data[: whole * 20] + b"\xff" * (len(data) - whole * 20)):
        (tmp_path / LOG).write_bytes(damaged)
        assert repeated(tmp_path, 1) == [*range(2, whole + 1)]
        killed.append(add(tmp_path, 1, range(whole + 1, whole + 2)))
        assert repeated(tmp_path, 1) == [*range(2, whole + 2)]
    for log in killed:
        log.close()


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
