"""The ways in which one text must come out the same, and how they are tried: in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import takewhile

# Instruction sets are chosen when the libraries start: hence the environment, hence the processes.
OLD = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
NO_COMPILER = {"CHAR_LSTM_COMPILE": "0"}
WAYS: list[tuple[int, int, dict[str, str]]] = [  # neighbours, threads, environment
    (0, 1, {}),
    (7, 1, {}),
    (32, 2, {}),
    (128, 2, {}),
    (32, 2, AVX2),
    (7, 1, OLD),
    (7, 2, NO_COMPILER),
]


def written(length: int, way: tuple[int, int, dict[str, str]]) -> str:
    """The text, written in this way."""
    neighbours, threads, environment = way
    done = subprocess.run(
        [sys.executable, "-m", "tests.one_text", str(length), str(neighbours), str(threads)],
        # A thread that spins while it waits would keep the other from the core, where a third program wants one too.
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def same(one: str, other: str) -> int:
    """How many characters they have in common, from the start: a line that says where two long texts part."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
