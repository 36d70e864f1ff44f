"""The ways in which one text must come out the same, and how they are tried: in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

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


def outcome(length: int, way: tuple[int, int, dict[str, str]]) -> str:
    """Length and hash of the text, written in this way."""
    neighbours, threads, environment = way
    done = subprocess.run(
        [sys.executable, "-m", "tests.one_text", str(length), str(neighbours), str(threads)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
