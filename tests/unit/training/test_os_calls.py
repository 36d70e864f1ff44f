"""Calls that differ between operating systems do the same work on each."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.platforms import posix_only
from training import os_calls


@posix_only
def test_the_age_of_a_process_includes_the_time_before_python_runs() -> None:
    code = "from training.os_calls import process_age_s; import time; time.sleep(0.2); print(process_age_s())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) > (0.2 if Path("/proc/self/stat").exists() else 0)


@pytest.mark.parametrize("has_fallocate", [True, False])
def test_space_is_allocated_with_and_without_the_posix_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_fallocate: bool
) -> None:
    if not has_fallocate:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    with (tmp_path / "file").open("wb") as file:
        os_calls.allocate(file, 5000)
    assert (tmp_path / "file").read_bytes() == bytes(5000)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no sessions")
def test_a_process_gets_a_session_of_its_own() -> None:
    with tempfile.TemporaryFile("w+") as out:
        command = [sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())"]
        process = os_calls.start_in_new_session(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=os.environ
        )
        assert process.wait() == 0
        out.seek(0)
        assert out.read() == "True\n"
