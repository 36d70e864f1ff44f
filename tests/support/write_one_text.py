"""A program for tests: generates one reply in a batch whose other requests change, and prints its text.

``python -m tests.support.write_one_text LENGTH BATCHES``, where BATCHES is a list of
[other requests, threads] in JSON. It prints a text for each, as a list in JSON. The environment chooses the
instruction set.
"""

from __future__ import annotations

import json
import random
import sys

import torch

from model import PRETRAINED, CharLSTM, Engine, SamplingParams

PROMPT = "ROMEO:\nBut soft, what light"


def one_text(length: int, neighbours: int, threads: int) -> str:
    """Returns the text of the reply."""
    torch.set_num_threads(threads)
    engine = Engine(CharLSTM.from_pretrained(PRETRAINED), max_slots=neighbours + 1)
    sequence = engine.add_request(PROMPT, SamplingParams(seed=5, length=length, temperature=0.9))
    chance = random.Random(neighbours)
    others: list[object] = []
    while not sequence.finished:
        if engine.running + engine.waiting <= neighbours:
            # The lengths differ, so that the size of the batch changes all the time.
            params = SamplingParams(seed=chance.randrange(2**32), length=chance.randrange(1, 400))
            others.append(engine.add_request("x" * chance.randrange(60), params))
        engine.step()
    return sequence.text


if __name__ == "__main__":
    print(json.dumps([one_text(int(sys.argv[1]), *batch) for batch in json.loads(sys.argv[2])]))
