"""The examples of a resumed run, whose checkpoint may come from a stranger's repo."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.tiny_models import tiny_model
from training.cli.resume import _saved_examples
from training.run.facts import RunState
from training.run.run_folder import SavedRun

STATE: RunState = {
    "recipe": {},
    "corpus": {"name": "plays", "sha256": "", "characters": 1, "public": None},
    "about": {"repo": "", "license": "unknown"},
    "seconds": 0.0,
}


@pytest.mark.parametrize(
    ("noted", "examples"), [(["ROMEO:", "To be"], ["ROMEO:", "To be"]), ([1, "To be"], ["To be"]), (5, []), (None, [])]
)
def test_examples_are_texts(noted: object, examples: list[str]) -> None:
    """A number in their place raised TypeError."""
    checkpoint = replace(tiny_model().checkpoint(), training={"examples": noted})
    assert _saved_examples(SavedRun(state=STATE, tensors={}, metrics=[], checkpoint=checkpoint)) == examples
