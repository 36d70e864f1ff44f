"""The arguments of `stream` and `generate`; tests/unit/model/engine tests the generated texts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from model import Blend, CharTokenizer, UnknownCharactersError, generate, stream


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
