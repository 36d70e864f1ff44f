"""Whether threads wait awake or asleep, by figures that are given; and that they then do, and figures are there."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch

from training.learner import waiting as waiting_module
from training.learner.waiting import Crowd, Waiting

pytestmark = pytest.mark.skipif(not Crowd.possible(), reason="torch comes with another OpenMP here")


@dataclass
class Machine:
    """Its clock, and how long threads have stood in line there."""

    now_s: float = 1000.0
    lined_up_s: float = 0.5

    def steps(self, waiting: Waiting, count: int, step_s: float, *, in_line: float) -> list[bool]:
        """So many steps, a share of each in line; which of them were ordinary ones."""
        ordinary = []
        for _ in range(count):
            self.now_s += step_s
            self.lined_up_s += in_line * step_s
            ordinary.append(waiting.stepped())
        return ordinary


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(waiting_module, "perf_counter", lambda: made.now_s)
    monkeypatch.setattr(waiting_module, "lined_up_s", lambda: made.lined_up_s)
    return made


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


def crowds() -> int:
    return sum(thread.name == "crowd" for thread in threading.enumerate())


def test_before_anything_is_known_they_sleep(machine: Machine) -> None:
    with Waiting() as waiting:
        machine.steps(waiting, 5, 0.04, in_line=0.01)
        assert waiting.asleep


def test_alone_they_are_awake(machine: Machine) -> None:
    with Waiting() as waiting:
        machine.steps(waiting, 10, 0.04, in_line=0.01)
        assert not waiting.asleep
        machine.steps(waiting, 1000, 0.04, in_line=0.05)
        assert not waiting.asleep


def test_beside_a_busy_program_they_sleep(machine: Machine) -> None:
    with Waiting() as waiting:
        machine.steps(waiting, 1000, 0.04, in_line=0.6)
        assert waiting.asleep


def test_they_notice_when_it_becomes_busy_and_when_that_is_over(machine: Machine) -> None:
    with Waiting() as waiting:
        machine.steps(waiting, 100, 0.04, in_line=0.01)
        machine.steps(waiting, 20, 0.1, in_line=0.7)
        assert waiting.asleep
        machine.steps(waiting, 20, 0.05, in_line=0.01)
        assert not waiting.asleep


def test_a_program_that_takes_little_keeps_nobody_asleep(machine: Machine) -> None:
    with Waiting() as waiting:
        machine.steps(waiting, 100, 0.04, in_line=0.3)
        assert not waiting.asleep


def test_steps_before_the_first_look_and_after_a_change_are_not_ordinary(machine: Machine) -> None:
    with Waiting() as waiting:
        assert machine.steps(waiting, 6, 0.1, in_line=0.01) == [False, False, False, False, True, True]
        assert machine.steps(waiting, 2, 1.0, in_line=0.7) == [True, False]
        assert machine.steps(waiting, 2, 1.0, in_line=0.7) == [True, True]


def test_one_thread_waits_for_nobody(machine: Machine) -> None:
    torch.set_num_threads(1)
    with Waiting() as waiting:
        assert all(machine.steps(waiting, 100, 0.04, in_line=0.6))
        assert not waiting.asleep


def test_where_nobody_tells_they_wait_as_ever(machine: Machine) -> None:
    machine.lined_up_s = 0.0
    with Waiting() as waiting:
        assert all(machine.steps(waiting, 100, 0.04, in_line=0.0))
        assert not waiting.asleep


def test_nothing_stays_when_it_is_closed() -> None:
    waiting = Waiting()
    assert crowds() == 1
    waiting.close()
    waiting.close()
    assert (crowds(), waiting.asleep) == (0, False)


# Two of its threads want one processor, for a second that the interpreter's lock does not share out.
_LINED_UP = """
import hashlib, os, threading
from training.learner.waiting import lined_up_s
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
before, most = lined_up_s(), 0.0
work = [threading.Thread(target=hashlib.pbkdf2_hmac, args=("sha256", b"", b"", 500_000)) for _ in range(2)]
for each in work: each.start()
while any(each.is_alive() for each in work):
    most = max(most, lined_up_s() - before)  # what a thread has waited goes with it
    work[0].join(0.02)
print(most)
"""


def test_the_system_tells_how_long_threads_stand_in_line() -> None:
    done = subprocess.run([sys.executable, "-c", _LINED_UP], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 0.05


# Each product is long enough to be shared; after it one thread counts, and the other waits for the next.
_SLEEPS = """
import os, resource, torch
from training.learner.waiting import Crowd

def slept():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    for _ in range(400):
        torch.mm(a, a)
        sum(range(5000))
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before

a = torch.ones(192, 192)
slept()
awake = slept()
crowd = Crowd()
asleep = slept()
crowd.leave()
print(awake, asleep, slept())
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor: they never wait awake")
def test_they_sleep_while_there_is_a_crowd_and_only_then() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "300000"}
    affinity = sorted(os.sched_getaffinity(0))[:2]
    done = subprocess.run(
        [sys.executable, "-c", _SLEEPS],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, affinity),
    )
    awake, asleep, again = map(int, done.stdout.split())
    assert asleep > 200
    assert max(awake, again) < asleep / 4
