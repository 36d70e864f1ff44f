"""The arguments of a reply; tests/unit/model/engine tests the generated texts."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from model import Blend, CharTokenizer, Clamp, Engine, SamplingParams, UnknownCharactersError, generate, stream
from model.clamps import MAX_CLAMPS
from model.settings import Precision
from tests.support.tiny_models import finish


@pytest.mark.parametrize("function", [stream, generate])
def test_unknown_characters_of_a_prompt_are_named_in_a_warning_skipped_or_refused(lm, function: Any):
    """They used to be skipped silently: `generate(lm, "日本語")` was `generate(lm, "")`."""
    with pytest.warns(UserWarning, match=r"does not know, skipped: U\+65E5, 'é' \(2 times\)"):
        text = "".join(function(lm, "RO日MEéé:", 30, seed=1))
    assert text == generate(lm, "ROME:", 30, seed=1)
    assert generate(lm, "é", 30, seed=1, unknown="skip") == generate(lm, "", 30, seed=1)
    with pytest.raises(UnknownCharactersError, match="é"):
        function(lm, "aé", 30, seed=1, unknown="raise")
    with pytest.raises(TypeError, match=r"the prompt is a bytes: it must be a str"):
        function(lm, b"ROMEO")


@pytest.mark.parametrize("precision", ["int8", "float32"])
@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
def test_the_character_of_rare_ones_is_never_written(lm, precision: Any, temperature: float):
    settings: Any = {"seed": 1, "temperature": temperature, "precision": precision, "unknown": "skip"}
    plain = generate(lm, "A", 100, **settings)
    common = max(plain, key=plain.count)
    rare = replace(lm, tokenizer=CharTokenizer(lm.tokenizer.vocab, rare=common))
    for model in (rare, Blend(rare, lm)):
        text = generate(model, "A", 100, **settings)
        assert (len(text), common in text) == (100, False)


# clamped cells; test_trace.py and the stored vectors have their values


PROMPT = "ROMEO:\nBut soft"
HOLDS = [(0, 3, 4.0), (1, 7, 0.0), (1, 2, -0.1)]
CLAMPS = tuple(Clamp(*hold) for hold in HOLDS)


@pytest.mark.parametrize(
    ("hold", "words"),
    [
        ([(2, 0, 0.0)], "a clamp names layer 2: this model has layers 0 to 1"),
        ([(0, 12, 0.0)], "a clamp names cell 12: this model has cells 0 to 11"),
        ([(0, 0, 8.5)], "a clamp has the value 8.5: it must be a number from -8 to 8"),
        ([(0, 0, float("nan"))], "a clamp has the value nan"),
        ([(0, 0)], r"a clamp is \(0, 0\): it must be a layer, a cell and a value"),
        ([(0, 0, 1.0), (0, 0, 2.0)], "one cell is clamped twice"),
        ([(0, n, 1.0) for n in range(MAX_CLAMPS + 1)], "5 cells are clamped: at most 4"),
    ],
)
def test_a_wrong_clamp_is_refused_at_once(lm, hold, words):
    for options in ({"clamps": hold}, {"prompt_clamps": [(0, hold)]}):
        with pytest.raises(ValueError, match=f"^{words}"):
            Engine(lm).add_request(PROMPT, SamplingParams(seed=1, length=80), **options)


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_a_text_that_was_written_with_clamps_is_read_again_with_them(lm, precision: Precision):
    """The batch also has a reply whose prompt is read without clamps."""
    engine = Engine(lm, max_slots=2, precision=precision)
    first = engine.add_request("漢" + PROMPT, SamplingParams(seed=1, length=80), clamps=HOLDS)
    (text,) = finish(engine, first)
    second = engine.add_request("", SamplingParams(seed=2, length=80), memory=first.memory)
    expected, at = finish(engine, second)[0], len("漢" + PROMPT)
    stretches = [(at - 1, CLAMPS), (at + len(text) - 1, ())]
    plain = engine.add_request(PROMPT, SamplingParams(seed=3, length=80))
    again = engine.add_request("漢" + PROMPT + text, SamplingParams(seed=2, length=80), prompt_clamps=stretches)
    assert finish(engine, again, plain) == [expected, generate(lm, PROMPT, 80, seed=3, precision=precision)]
    assert again.prompt_memory
    assert first.memory
    assert again.prompt_memory.last_id == first.memory.last_id
    assert torch.equal(again.prompt_memory.state.c, first.memory.state.c)
