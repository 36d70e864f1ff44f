"""The arguments of `stream` and `generate`; tests/unit/model/engine tests the generated texts."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pytest

from model import Blend, CharLSTM, CharTokenizer, UnknownCharactersError, generate, stream
from tests.support.tiny_models import tiny_model


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    return tiny_model()


@pytest.mark.parametrize("function", [stream, generate])
def test_unknown_characters_of_a_prompt_are_named_in_a_warning(lm: CharLSTM, function: Any) -> None:
    """They used to be skipped silently: `generate(lm, "日本語")` was `generate(lm, "")`."""
    with pytest.warns(UserWarning, match=r"does not know, skipped: U\+65E5, 'é' \(2 times\)") as warned:
        text = "".join(function(lm, "RO日MEéé:", 30, seed=1))
    assert [each.filename for each in warned] == [__file__]  # the line of the program, not one of the package
    assert text == generate(lm, "ROME:", 30, seed=1)


def test_unknown_characters_can_be_skipped_silently_or_refused(lm: CharLSTM) -> None:
    assert generate(lm, "é", 30, seed=1, unknown="skip") == generate(lm, "", 30, seed=1)
    with pytest.raises(UnknownCharactersError, match="é"):
        generate(lm, "aé", 30, seed=1, unknown="raise")


@pytest.mark.parametrize("prompt", [None, 5, b"ROMEO", ["a"]])
def test_a_prompt_that_is_not_a_text_is_refused(lm: CharLSTM, prompt: Any) -> None:
    """None used to raise an AttributeError from inside the tokenizer."""
    with pytest.raises(TypeError, match=r"the prompt is a .*: it must be a str"):
        generate(lm, prompt)


def test_generate_shows_the_parameters_of_stream() -> None:
    assert inspect.signature(generate).parameters == inspect.signature(stream).parameters
    assert inspect.signature(generate).return_annotation is str


@pytest.mark.parametrize("precision", ["int8", "float32"])
@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
def test_the_character_of_rare_ones_is_never_written(lm: CharLSTM, precision: Any, temperature: float) -> None:
    settings: Any = {"seed": 1, "temperature": temperature, "precision": precision, "unknown": "skip"}
    plain = generate(lm, "A", 500, **settings)
    common = max(plain, key=plain.count)
    rare = replace(lm, tokenizer=CharTokenizer(lm.tokenizer.vocab, rare=common))
    text = generate(rare, "A", 500, **settings)
    assert len(text) == 500
    assert common not in text
    assert common not in generate(Blend(rare, lm), "A", 500, **settings)
