"""Damaged or hostile config.json: refused with one clear line before the weights are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model import CharLSTM, ChatFormat
from model.checkpoint.names import CONFIG, WEIGHTS
from tests.support.checkpoint_files import changed_config, check_refused, rewrite

CHAT = {"prefix": "a", "suffix": "\nb", "stop": "\n"}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"hidden_size": 8192, "num_layers": 32}, "parameters: at most 500,000,000 are allowed"),  # more in test_lstm.py
    ({"hidden_size": None}, "hidden_size is None"),
    *(({"chat": chat}, "chat must be an object of prefix, suffix and stop") for chat in (None, {"prefix": "a"})),
    ({"chat": {**CHAT, "prefix": "a" * 10**6}}, "chat prefix is 'aaa"),
    ({"chat": {**CHAT, "stop": ""}}, "chat stop is empty"),
    ({"chat": {**CHAT, "suffix": "\ud800"}}, "chat suffix has characters that are not in vocab"),
    *(({"format_version": version}, "format_version is ") for version in (0, True, None)),
    *(({"model_type": value}, "model_type is ") for value in ("bert", "x\n" * 9999)),
    *(({"training": value}, "training must be an object") for value in (None, "x")),
    ({"vocab": None}, "must be a list"),  # more in test_tokenizer.py
    *(({"rare": rare}, "rare is ") for rare in ["\u4e00", 5]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), WRONG, ids=lambda each: str(each)[:60])
def test_a_wrong_field_is_refused_before_the_weights_are_read(folder, changes: dict[str, Any], words: str):
    changed_config(folder, **changes)
    (folder / WEIGHTS).unlink()
    check_refused(folder, CONFIG, words)


@pytest.mark.parametrize("vocab", [["\n", "a"], ["\n", "a", "b", "c"]])
def test_a_vocabulary_of_another_size_than_the_embedding_is_refused(folder: Path, vocab: list[str]):
    changed_config(folder, vocab=vocab)
    check_refused(folder, WEIGHTS, "embedding.weight has shape [3, 5]", f"config.json says [{len(vocab)}, 5]")


def test_the_chat_format_and_the_character_of_rare_ones_are_read_and_written(folder: Path, tmp_path: Path):
    changed_config(folder, chat=CHAT, rare="a")
    lm = CharLSTM.from_pretrained(folder)
    assert (lm.chat, lm.tokenizer.rare, lm.tokenizer.rare_id) == (ChatFormat("a", "\nb", "\n"), "a", 1)
    lm.save_pretrained(tmp_path / "again")
    again = CharLSTM.from_pretrained(tmp_path / "again")
    assert (again.chat, again.tokenizer.rare) == (lm.chat, "a")
    lm.chat = None
    lm.save_pretrained(tmp_path / "again")
    assert "chat" not in json.loads((tmp_path / "again" / CONFIG).read_bytes())


def test_a_field_of_the_record_with_another_type_counts_as_missing_and_an_unknown_one_is_kept(folder, tmp_path):
    good = {"corpus": "a", "val_loss": 1, "examples": ["a"], "welcome": {"text": "a", "seed": 1}, "mine": [None]}
    taught_by = {"models": [], "sha256": 1}
    wrong = {"step": True, "seconds": "1", "repo": None, "recipe": [], "quote_chat": 1, "val_loss_95": [1, "2"]}
    changed_config(folder, training={**wrong, "taught_by": taught_by, **good})
    lm = CharLSTM.from_pretrained(folder)
    assert lm.training == good
    lm.save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / CONFIG).read_bytes())["training"] == good


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[" * 100_000, b" " * (17 << 20), b"{", b"[]", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"<!doctype html>"),
        *(b'{"a": %b}' % literal for literal in (b"NaN", b"-Infinity", b"1e999", b"9" * 5000)),
    ],
)
def test_a_config_that_is_not_a_strict_json_object_is_refused(folder: Path, data: bytes):
    rewrite(folder, CONFIG, data)
    check_refused(folder, CONFIG)
