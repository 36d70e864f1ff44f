"""The arithmetic's test vectors: what another implementation is held against, and this one too.

``python -m tests.unit.test_vectors`` writes them anew, which is right only together with a new version.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model import CharLSTM, CharTokenizer, LSTMConfig, LSTMNetwork, SamplingParams, generate
from model.arithmetic import SIGMOID, TANH, VERSION, step
from model.sampler import POWERS, Randomness, choose

VECTORS = Path(__file__).parents[1] / "vectors" / "arithmetic.json"
VOCAB = "\n !abcdeé漢😀"
TEXT = "abba!\ncab e漢"


def tiny() -> CharLSTM:
    """A network whose weights are whole multiples of 1/64 from a congruential generator: the same in any language."""
    network = LSTMNetwork(LSTMConfig(len(VOCAB), 5, 9, 2))
    x = 1
    with torch.no_grad():
        for tensor in network.state_dict().values():
            flat = []
            for _ in range(tensor.numel()):
                x = (1103515245 * x + 12345) % 2**31
                flat.append(((x >> 16) % 129 - 64) / 64)
            tensor.copy_(torch.tensor(flat).view(tensor.shape))
    return CharLSTM(network.eval().requires_grad_(False), CharTokenizer(list(VOCAB)))


def _hash(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _bits(values: torch.Tensor) -> list[str]:
    """float32 as the hexadecimal of its 32 bits: no decimal in between that could round."""
    return [f"{bits:08x}" for bits in values.contiguous().view(torch.int32).numpy().view(np.uint32).ravel().tolist()]


def vectors() -> dict[str, Any]:
    lm = tiny()
    weights = lm.integer_weights()
    h, c = torch.zeros(2, 1, 9, dtype=torch.int8), torch.zeros(2, 1, 9)
    steps = []
    for id_ in lm.tokenizer.encode(TEXT).tolist():
        logits, h, c = step(weights, torch.tensor([id_]), h, c)
        steps.append({"id": id_, "h": h.flatten().tolist(), "c": _bits(c), "logits": _bits(logits)})
    settings: list[dict[str, Any]] = [
        {"temperature": 0, "seed": 0},
        {"temperature": 1.0, "seed": 1},
        {"temperature": 0.3, "seed": 2**32 - 1},
        {"temperature": 2.5, "top_k": 4, "seed": 3},
        {"temperature": 1.3, "top_p": 0.7, "seed": 4},
        {"temperature": 1.0, "top_k": 6, "top_p": 0.9, "seed": 5},
    ]
    flat = np.array([0.5, 0.5, 0.5, -1.0, 2.0, 2.0, -30.0, 0.25], np.float32)
    return {
        "version": VERSION,
        "tables": {"sigmoid": _hash(SIGMOID.numpy()), "tanh": _hash(TANH.numpy()), "powers": _hash(POWERS)},
        "philox": {str(seed): [str(Randomness(seed).number(i)) for i in range(6)] for seed in (0, 1, 2**32 - 1)},
        "network": {"vocab": list(VOCAB), "embedding_size": 5, "hidden_size": 9, "num_layers": 2},
        "text": TEXT,
        "steps": steps,
        "logits": _bits(torch.from_numpy(flat)),
        "choices": [
            {
                **each,
                "ids": [choose(flat, SamplingParams(**each), Randomness(each["seed"]).number(i)) for i in range(40)],
            }
            for each in settings
        ],
        "replies": [{**each, "prompt": TEXT, "text": generate(lm, TEXT, 120, **each)} for each in settings],
    }


def test_the_arithmetic_is_that_of_its_vectors() -> None:
    assert vectors() == json.loads(VECTORS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
