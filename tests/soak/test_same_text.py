"""A million characters in batches, on threads and on old instruction sets equal those generated alone.

`python -m tests.soak.test_same_text LENGTH NEIGHBOURS THREADS` prints the text, generated beside other requests.
"""

import os
import random
import subprocess
import sys

import pytest
import torch

from model import PRETRAINED, CharLSTM, Engine, SamplingParams

PROMPT = "ROMEO:\nBut soft, what light"

# The libraries choose their instruction set when they are loaded, by the environment: so each needs a process.
# numba's compiler ends the process if it is given an instruction that the named processor lacks.
OLD = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "NUMBA_CPU_NAME": "x86-64",
    "NUMBA_CPU_FEATURES": "+sse2",
}
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx,+avx2,+bmi2",
}
# other requests, threads, environment, characters; a step of a large batch takes longer
WAYS = [
    (0, 2, {}, 100_000),
    (7, 1, {}, 400_000),
    (32, 2, {}, 200_000),
    (128, 2, {}, 50_000),
    (32, 2, AVX2, 100_000),
    (7, 1, OLD, 150_000),
]


@pytest.fixture(scope="module")
def alone() -> str:
    """Return the longest text. Prompt and seed are always the same, so every other text is a prefix of it."""
    return written(max(length for *_, length in WAYS), 0, 1, {})


@pytest.mark.parametrize(("neighbours", "threads", "environment", "length"), WAYS, ids=str)
def test_the_text_equals_the_one_generated_alone(
    alone: str, neighbours: int, threads: int, environment: dict[str, str], length: int
) -> None:
    text = written(length, neighbours, threads, environment)
    assert len(text) == length
    assert alone.startswith(text)  # pytest shows the difference of two such long texts only after minutes


def written(length: int, neighbours: int, threads: int, environment: dict[str, str]) -> str:
    """Return the text of a process that generates it beside other requests."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.test_same_text", str(length), str(neighbours), str(threads)],
        # A thread that spins while it waits would take a core from the other, if a third program needs one too.
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def generate(length: int, neighbours: int, threads: int) -> str:
    torch.set_num_threads(threads)
    engine = Engine(CharLSTM.from_pretrained(PRETRAINED), max_slots=neighbours + 1)
    sequence = engine.add_request(PROMPT, SamplingParams(seed=5, length=length, temperature=0.9))
    chance = random.Random(neighbours)
    while not sequence.finished:
        if engine.running + engine.waiting <= neighbours:
            # The lengths differ, so that the size of the batch changes all the time.
            params = SamplingParams(seed=chance.randrange(2**32), length=chance.randrange(1, 400))
            engine.add_request("x" * chance.randrange(60), params)
        engine.step()
    return sequence.text


if __name__ == "__main__":
    print(generate(*map(int, sys.argv[1:])), end="")
