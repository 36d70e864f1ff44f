"""One text, written in a process of its own: in crowds, on threads and by instruction sets that must not change it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import takewhile

# Instruction sets are chosen when the libraries start: hence the environment, hence the processes.
OLD = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
NO_COMPILER = {"CHAR_LSTM_COMPILE": "0"}


def written(length: int, environment: dict[str, str], *crowds: tuple[int, int]) -> list[str]:
    """The text, written by one process in each of these crowds: so many neighbours, so many threads."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.write_one_text", str(length), json.dumps(crowds)],
        # A thread that spins while it waits would keep the other from the core, where a third program wants one too.
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(done.stdout))


def same(one: str, other: str) -> int:
    """How many characters they have in common, from the start: a line that says where two long texts part."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
