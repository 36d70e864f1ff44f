"""Whether threads wait awake or asleep: as is faster, by times that are given; and that they then do, by the system."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import torch

from training.waiting import Crowd, Waiting

pytestmark = pytest.mark.skipif(not Crowd.possible(), reason="torch comes with another OpenMP here")


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


def steps(waiting: Waiting, seconds: float, *, awake_s: float, asleep_s: float) -> tuple[float, int]:
    """Steps of together so many seconds; how many of these were asleep, and how many steps were no ordinary ones."""
    spent = slept = 0.0
    tried = 0
    while spent < seconds:
        asleep = waiting.asleep
        taken = asleep_s if asleep else awake_s
        tried += not waiting.took(taken)
        spent, slept = spent + taken, slept + taken * asleep
    return slept, tried


def crowds() -> int:
    return sum(thread.name == "crowd" for thread in threading.enumerate())


def test_on_an_idle_machine_they_are_awake_but_for_tries_that_become_rare() -> None:
    with Waiting() as waiting:
        slept, _ = steps(waiting, 100, awake_s=0.025, asleep_s=0.04)
        assert not waiting.asleep
        assert 0 < slept < 1.5
        assert steps(waiting, 100, awake_s=0.025, asleep_s=0.04)[0] < 0.8


def test_on_a_busy_one_they_sleep() -> None:
    with Waiting() as waiting:
        slept, _ = steps(waiting, 100, awake_s=0.2, asleep_s=0.06)
        assert waiting.asleep
        assert slept > 90


def test_they_notice_when_it_becomes_busy_and_when_that_is_over() -> None:
    with Waiting() as waiting:
        steps(waiting, 100, awake_s=0.025, asleep_s=0.04)
        steps(waiting, 40, awake_s=0.2, asleep_s=0.06)
        assert waiting.asleep
        steps(waiting, 40, awake_s=0.025, asleep_s=0.04)
        assert not waiting.asleep


def test_where_it_makes_no_difference_they_sleep() -> None:
    with Waiting() as waiting:
        assert steps(waiting, 100, awake_s=0.295, asleep_s=0.3)[0] > 90


def test_before_anything_is_known_they_sleep() -> None:
    with Waiting() as waiting:
        assert waiting.asleep


def test_a_try_of_long_steps_is_one_of_each() -> None:
    with Waiting() as waiting:
        assert [waiting.took(3.0) for _ in range(4)] == [False, False, False, True]


def test_the_first_step_tells_nothing() -> None:
    with Waiting() as waiting:
        waiting.took(5.0)
        steps(waiting, 4, awake_s=0.2, asleep_s=0.06)
        assert waiting.asleep


def test_one_thread_waits_for_nobody() -> None:
    torch.set_num_threads(1)
    with Waiting() as waiting:
        assert steps(waiting, 100, awake_s=0.2, asleep_s=0.06) == (0, 0)


def test_nothing_stays_when_it_is_closed() -> None:
    waiting = Waiting()
    steps(waiting, 1.5, awake_s=0.2, asleep_s=0.06)
    assert crowds() == 1
    waiting.close()
    waiting.close()
    assert (crowds(), waiting.asleep) == (0, False)


# Each product is long enough to be shared; after it one thread counts, and the other waits for the next.
_SLEEPS = """
import os, resource, torch
from training.waiting import Crowd

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
