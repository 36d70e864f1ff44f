"""A run folder of an earlier version and its texts: it loads, and gives the same texts.

``python -m tests.unit.model.test_stored_run`` writes the texts again, which is right only to add some.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from model import PRETRAINED, Blend, BlockedWords, CharLSTM, Engine, SamplingParams, generate, score, stream
from tests.support.tiny_models import finish

pytestmark = pytest.mark.slow


VECTORS = Path(__file__).parents[2] / "vectors"
RUN, TEXTS = VECTORS / "run", VECTORS / "texts.json"
PROMPT = 'The "if" statement\n***'
CASES: list[dict[str, Any]] = [
    {"seed": 1},
    {"seed": 2, "temperature": 0},
    {"seed": 3, "temperature": 0.5, "top_k": 5},
    {"seed": 4, "temperature": 1.7, "top_p": 0.8},
    {"seed": 5, "temperature": 2.5, "min_p": 0.1},
    {"seed": 2**32 - 1, "temperature": 1.2, "top_k": 20, "top_p": 0.95, "min_p": 0.01},
    {"seed": 7, "stop": "e"},
    {"seed": 8, "clamps": [(0, 3, 4.0), (1, 30, -2.5)]},
]


def texts() -> dict[str, Any]:
    lm = CharLSTM.from_pretrained(RUN)
    begun = stream(lm, PROMPT, 90, seed=9)
    first = "".join(begun)
    memory, offset = begun.sequence.memory, begun.sequence.next_draw_offset
    engine = Engine(lm, blocked=BlockedWords(["of"]))
    blocked = finish(engine, *(engine.add_request(PROMPT, SamplingParams(seed=seed, length=300)) for seed in range(4)))
    return {
        "replies": [generate(lm, PROMPT, 300, **each) for each in CASES],
        "continued": first + generate(lm, "", 210, seed=9, memory=memory, draw_offset=offset),
        "second turn": generate(lm, "\nor", 200, seed=10, memory=memory),
        "unknown characters": generate(lm, "ж漢a", 200, seed=11, unknown="skip"),
        "blocked": blocked,
        "blend": generate(Blend(lm, CharLSTM.from_pretrained(PRETRAINED), 0.3), PROMPT, 300, seed=12, unknown="skip"),
        "bundled": generate(CharLSTM.from_pretrained(PRETRAINED), "ROMEO:\n", 300, seed=13),
    }


def hashed(found: Any) -> Any:
    if isinstance(found, str):
        return hashlib.sha256(found.encode()).hexdigest()
    return {name: hashed(each) for name, each in found.items()} if isinstance(found, dict) else [*map(hashed, found)]


def test_the_stored_run_writes_the_stored_texts():
    assert hashed(texts()) == json.loads(TEXTS.read_text())


def test_the_stored_run_has_its_loss_samples_and_named_cells():
    lm = CharLSTM.from_pretrained(RUN / "latest")
    assert score(lm, "To create a list, use brackets.\n").nats == pytest.approx(1.85539, abs=1e-4)
    assert lm.training["val_loss"] == pytest.approx(1.6096, abs=1e-4)
    assert (len(lm.samples), lm.samples[0]["step"], lm.samples[-1]["step"]) == (22, 0, 400)
    assert len(lm.cells) == 7


if __name__ == "__main__":
    TEXTS.write_text(json.dumps(hashed(texts()), indent=1) + "\n", encoding="utf-8")
