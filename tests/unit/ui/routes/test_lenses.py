"""The step lens: the numbers of every stage in the computation of one character."""

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model import CharLSTM, Clamp, SamplingParams, TextTrace, generate
from tests.support.app_server import strong_model
from ui.routes.lenses import describe_step

ROOT = Path(__file__).parents[4]
PROMPT = "ROMEO:🙃"
UP = (Clamp(0, 3, 4.0),)


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    return strong_model()


def traced(lm: CharLSTM, text: str, clamps: Any = ()) -> TextTrace:
    trace = TextTrace(lm, skip_start=True)
    trace.set_text(PROMPT + text, clamps)
    return trace


def step_at(trace: TextTrace, offset: int, cell: int = 5, **drawn: Any) -> dict[str, Any]:
    """Return the data of the step lens about a character of the reply."""
    return describe_step(trace, len(PROMPT) + offset, cell, **drawn)


def place(described: dict[str, Any], char: str) -> tuple[float, float]:
    return next((low, high) for each, low, high in described["strip"] if each == char)


@pytest.mark.parametrize("ways", [{}, {"temperature": 0.0}, {"temperature": 2.5, "top_k": 9}, {"top_p": 0.6}])
def test_the_number_of_the_seed_draws_the_generated_character(lm: CharLSTM, ways: dict[str, Any]) -> None:
    """The reply is continued with another seed and a clamped cell."""
    settings = {"temperature": 0.8, **ways}
    text = generate(lm, PROMPT, 20, seed=5, unknown="skip", **settings)
    text += generate(lm, PROMPT + text, 20, seed=8, temperature=0.8, clamps=UP, unknown="skip")
    trace = traced(lm, text, [(len(PROMPT) + 19, UP)])
    for offset in (0, 1, 19, 20, 21, 39):
        first = offset < 20
        params = SamplingParams(seed=5, **settings) if first else SamplingParams(seed=8, temperature=0.8)
        found = step_at(trace, offset, params=params, draw=offset if first else offset - 20)
        low, high = place(found, text[offset])
        assert found["read"] == (text[offset - 1] if offset else ":")
        assert (found["draw"]["seed"], found["draw"]["number"]) == ((5, offset) if first else (8, offset - 20))
        if first and "temperature" in ways:
            assert found["temperature"] == ways["temperature"]
            assert found["filters"] == ([("Top-k", 9)] if "top_k" in ways else [])
        if found["temperature"]:
            assert low - 1e-5 <= found["draw"]["value"] <= high + 1e-5
        else:
            assert (low, high) == (0, 1)
        assert found["likely"][0][1] == max(share for _, share in found["likely"])


def test_the_gates_of_a_cell_give_its_new_value_and_the_bytes_cover_all_cells(lm: CharLSTM) -> None:
    trace = traced(lm, generate(lm, PROMPT, 20, seed=5, unknown="skip"))
    found, before = step_at(trace, 7), step_at(trace, 6)
    assert found["sizes"] == {"V": 108, "E": 8, "H": 24}
    assert len(base64.b64decode(found["row"])) == 8
    for layer, earlier in zip(found["layers"], before["layers"], strict=True):
        h, c, i, f, g, o, after, shown = layer["cell"]
        assert f * c + i * g == pytest.approx(after, abs=0.01)
        assert o * np.tanh(after) == pytest.approx(shown, abs=0.01)
        assert (h, c) == (earlier["cell"][7], earlier["cell"][6])
        rows = np.frombuffer(base64.b64decode(layer["bytes"]), np.int8).reshape(8, 24) / 127
        np.testing.assert_allclose(rows[:, 5], [h, np.tanh(c), i, f, g, o, np.tanh(after), shown], atol=0.005)
        assert not layer["held"]


def test_the_shown_lines_of_code_are_in_the_files() -> None:
    script = (ROOT / "web" / "lenses" / "step.js").read_text(encoding="utf-8")
    lines = re.findall(r'\w+: \[\s*"(\S+?)",\s*["\'](.+)["\'],?\s*\],', script)
    assert len(lines) == 8
    for name, line in lines:
        assert line.replace('\\"', '"') in (ROOT / name).read_text(encoding="utf-8"), line
