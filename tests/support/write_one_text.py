"""A program for tests: writes one reply among others that come and go, and prints its text.

``python -m tests.support.write_one_text LENGTH CROWDS``, where CROWDS is a list of
[neighbours, threads] in JSON: so many texts, in a list in JSON. The environment chooses the instruction set.
"""

from __future__ import annotations

import json
import random
import sys

import torch

from model import PRETRAINED, CharLSTM, Engine, SamplingParams

PROMPT = "ROMEO:\nBut soft, what light"


def one_text(length: int, neighbours: int, threads: int) -> str:
    """The reply's text, whoever is beside it."""
    torch.set_num_threads(threads)
    engine = Engine(CharLSTM.from_pretrained(PRETRAINED), max_slots=neighbours + 1)
    sequence = engine.add_request(PROMPT, SamplingParams(seed=5, length=length, temperature=0.9))
    chance = random.Random(neighbours)
    others: list[object] = []
    while not sequence.finished:
        if engine.running + engine.waiting <= neighbours:
            # Each stays for a while of its own, so that the batch changes its size all the time.
            params = SamplingParams(seed=chance.randrange(2**32), length=chance.randrange(1, 400))
            others.append(engine.add_request("x" * chance.randrange(60), params))
        engine.step()
    return sequence.text


if __name__ == "__main__":
    print(json.dumps([one_text(int(sys.argv[1]), *crowd) for crowd in json.loads(sys.argv[2])]))
