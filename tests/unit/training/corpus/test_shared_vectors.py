"""The vectors that the browser's readers are tested with are what Python's readers make of the same texts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from stdnum import iban

from tests.support import chat_samples, example_texts, private_samples
from training.corpus.privacy.scan import scan

NUMBERS = Path(__file__).parents[4] / "web/learn/corpus/privacy/numbers.js"


@pytest.mark.parametrize("samples", [chat_samples, private_samples], ids=["chats", "private"])
def test_the_stored_vectors_are_those_of_python(samples: object) -> None:
    stored = json.loads(samples.VECTORS.read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    assert stored == samples.vectors()  # type: ignore[attr-defined]


def test_the_samples_hold_every_kind_and_every_error() -> None:
    chats = chat_samples.vectors()
    assert {each["expected"].get("error") for each in chats} == {None, *chat_samples._ERRORS.values()}
    assert {each["expected"]["kind"] for each in chats} == set(chat_samples._KINDS.values())
    found = {kind for each in private_samples.vectors() for kind, _, _ in each["found"]}
    assert found == {"token", *private_samples._KINDS.values()}


@pytest.mark.parametrize("text", private_samples.HARMLESS.values(), ids=private_samples.HARMLESS)
def test_harmless_samples_are_harmless(text: str) -> None:
    assert scan(text) == []


def test_the_example_texts_are_short_and_made_by_the_program() -> None:
    stored = {path.name: path.read_text(encoding="utf-8") for path in example_texts.FOLDER.iterdir()}
    assert sum(len(text.encode()) for text in stored.values()) <= 20_000
    assert not any(scan(text) for name, text in stored.items() if name != "chat.txt")
    scenes = stored.pop(example_texts.SCENES)
    assert len(scenes) > 5_000
    assert stored == example_texts.texts()


def test_the_lengths_of_bank_accounts_are_those_of_stdnum() -> None:
    table = dict(re.findall(r"\b([A-Z]{2})([0-9]{2})\b", NUMBERS.read_text(encoding="utf-8")))
    assert len(table) > 80
    for country, length in table.items():
        _, facts = iban._ibandb.info(f"{country}00")[0]
        assert 4 + sum(int(size) for size in re.findall(r"([0-9]+)!", facts["bban"])) == int(length), country
