"""The test vectors of int8 inference, with which this and any other implementation is checked.

``python -m tests.unit.model.int8.test_vectors`` writes the file again, which is right only for
a new version of the format, or to add vectors.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model import Blend, CharLSTM, CharTokenizer, LSTMConfig, LSTMNetwork, SamplingParams, generate
from model.clamps import check_clamps
from model.int8.sampling import POWERS, Randomness, choose
from model.int8.weights import SIGMOID, TANH, VERSION, integer_h

VECTORS = Path(__file__).parents[3] / "vectors" / "arithmetic.json"
VOCAB = "\n !abcdeé漢😀"
TEXT = "abba!\ncab e漢"
OTHER = "ec\n😀 zba!"  # in another order, with some missing
Held = list[tuple[int, int, float]]
HOLDS: list[Held] = [[(1, 4, -4.0)], [(0, 2, 8.0), (0, 8, -0.3), (1, 0, 0.0), (1, 7, 1.75)]]


def tiny(vocab: str = VOCAB, embedding: int = 5, hidden: int = 9, layers: int = 2, x: int = 1) -> CharLSTM:
    """Return a network whose weights are multiples of 1/64 from a congruential generator, for any language."""
    network = LSTMNetwork(LSTMConfig(len(vocab), embedding, hidden, layers))
    with torch.no_grad():
        for tensor in network.state_dict().values():
            flat = []
            for _ in range(tensor.numel()):
                x = (1103515245 * x + 12345) % 2**31
                flat.append(((x >> 16) % 129 - 64) / 64)
            tensor.copy_(torch.tensor(flat).view(tensor.shape))
    return CharLSTM(network.eval().requires_grad_(False), CharTokenizer(list(vocab)))


def _hash(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _bits(values: torch.Tensor) -> list[str]:
    """Return the 32 bits of a float32 in hexadecimal, which needs no rounding."""
    return [f"{bits:08x}" for bits in values.contiguous().view(torch.int32).numpy().view(np.uint32).ravel().tolist()]


def _steps(lm: CharLSTM, hold: Held) -> list[dict[str, Any]]:
    """Return the values of each step over a text, with clamps in every step."""
    backend, row = lm.make_backend(1, "int8"), np.zeros(1, np.int64)
    steps = []
    for id_ in lm.tokenizer.encode(TEXT).tolist():
        logits = backend.forward(row, np.array([id_]), [check_clamps(hold, lm.config)])
        state = backend.state(0)
        h, bits = integer_h(state.h).flatten().tolist(), _bits(torch.from_numpy(logits))
        steps.append({"id": id_, "h": h, "c": _bits(state.c), "logits": bits})
    return steps


def _held(lm: CharLSTM, hold: Held) -> dict[str, Any]:
    asked: dict[str, Any] = {"temperature": 1.2, "seed": 6}
    reply = {**asked, "prompt": TEXT, "text": generate(lm, TEXT, 120, clamps=hold, **asked)}
    return {"hold": [list(each) for each in hold], "steps": _steps(lm, hold), "reply": reply}


def _blend(first: CharLSTM) -> dict[str, Any]:
    """Return the vectors of a blend, which reads the characters that both models know."""
    blend = Blend(first, tiny(OTHER, 4, 6, 1, x=2), 0.3)
    backend, row = blend.make_backend(1, "int8"), np.zeros(1, np.int64)
    ids = blend.tokenizer.encode(TEXT, unknown="skip").tolist()
    logits = [backend.forward(row, np.array([id_])) for id_ in ids]
    shares: list[dict[str, Any]] = [
        {"share": share, "temperature": 1.2, "seed": seed} for seed, share in enumerate((0.3, 0.05, 1))
    ]
    return {
        "network": {"vocab": list(OTHER), "embedding_size": 4, "hidden_size": 6, "num_layers": 1, "x": 2},
        "vocab": list(blend.tokenizer.vocab),
        "share": blend.share,
        "steps": [{"id": id_, "logits": _bits(torch.from_numpy(each))} for id_, each in zip(ids, logits, strict=True)],
        "replies": [
            {**each, "prompt": TEXT, "text": generate(blend, TEXT, 120, unknown="skip", **each)} for each in shares
        ],
    }


def vectors() -> dict[str, Any]:
    lm = tiny()
    settings: list[dict[str, Any]] = [
        {"temperature": 0, "seed": 0},
        {"temperature": 1.0, "seed": 1},
        {"temperature": 0.3, "seed": 2**32 - 1},
        {"temperature": 2.5, "top_k": 4, "seed": 3},
        {"temperature": 1.3, "top_p": 0.7, "seed": 4},
        {"temperature": 1.0, "top_k": 6, "top_p": 0.9, "seed": 5},
        {"temperature": 1.5, "min_p": 0.2, "seed": 8},
        {"temperature": 2.0, "top_k": 7, "top_p": 0.95, "min_p": 0.05, "seed": 9},
    ]
    flat = np.array([0.5, 0.5, 0.5, -1.0, 2.0, 2.0, -30.0, 0.25], np.float32)
    return {
        "version": VERSION,
        "tables": {"sigmoid": _hash(SIGMOID.numpy()), "tanh": _hash(TANH.numpy()), "powers": _hash(POWERS)},
        "philox": {str(seed): [str(Randomness(seed).number(i)) for i in range(6)] for seed in (0, 1, 2**32 - 1)},
        "network": {"vocab": list(VOCAB), "embedding_size": 5, "hidden_size": 9, "num_layers": 2},
        "text": TEXT,
        "steps": _steps(lm, []),
        "logits": _bits(torch.from_numpy(flat)),
        "choices": [
            {
                **each,
                "ids": [choose(flat, SamplingParams(**each), Randomness(each["seed"]).number(i)) for i in range(40)],
            }
            for each in settings
        ],
        "replies": [{**each, "prompt": TEXT, "text": generate(lm, TEXT, 120, **each)} for each in settings],
        "held": [_held(lm, hold) for hold in HOLDS],
        "blend": _blend(lm),
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
