"""Training on a text of 2 GB needs the memory of a text of 2 MB. Prints memory and start-up time."""

import sys
import time
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path

import pytest

from tests.support.tiny_runs import SIZES, words
from tests.support.training_processes import Training

LINES = (words(60_000) + "ünd möre, Æsop\n").encode()


def write(path: Path, size: int) -> Path:
    """Write a text of a given number of bytes: words, with some letters of two bytes."""
    with path.open("wb") as file:
        while file.tell() < size:
            file.write(LINES)
        file.truncate(file.tell() - file.tell() % 2)
    return path


def keep_status(path: Path) -> None:
    """At its end the process writes what the system says about it, with its peak memory."""
    Finalize(None, lambda: path.write_text(Path("/proc/self/status").read_text()), exitpriority=0)


def measure(text: Path, *arguments: str) -> tuple[float, int]:
    """Return the seconds to the first step, and the peak memory of the process in bytes."""
    start = time.monotonic()
    words, status = (text.name, *arguments, "--out", f"{text.stem}-run"), text.with_suffix(".status")
    with Training(*words, cwd=text.parent, prepare=[partial(keep_status, status)]) as run:
        run.until("^step 1 of")
        first = time.monotonic() - start
        assert run.end() == 0
    return first, 1024 * int(status.read_text().partition("VmHWM:")[2].split()[0])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_training_on_two_gigabytes_needs_the_memory_of_two_megabytes(tmp_path: Path) -> None:
    arguments = (*SIZES, "--steps=400", "--set=evaluations=2,batch=64")
    small = measure(write(tmp_path / "small.txt", 2_000_000), *arguments)
    large = measure(write(tmp_path / "large.txt", 2_000_000_000), *arguments)
    for name, (seconds, memory) in (("2 MB", small), ("2 GB", large)):
        print(f"{name}: first step after {seconds:.1f} s, {memory / 1e6:,.0f} MB at most")
    assert large[1] - small[1] < 300_000_000  # the seconds depend on the load of the machine
