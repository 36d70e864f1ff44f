"""Damaged or hostile config.json: refused with one clear line before the weights are read."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from model import CharLSTM, ChatFormat
from model.checkpoint.names import CONFIG, WEIGHTS
from tests.support.checkpoint_files import changed_config, check_refused, rewrite

SIZES = ["embedding_size", "hidden_size", "num_layers"]
WRONG_SIZES = [0, -1, 2.5, 8.0, "8", True, False, None, [8], {}, 10**9, 20_000, 10**6, 10**30, -(10**30)]


@pytest.mark.parametrize("value", WRONG_SIZES)
@pytest.mark.parametrize("name", SIZES)
def test_a_wrong_size_is_refused_before_the_weights_are_read(folder, name, value):
    changed_config(folder, **{name: value})
    (folder / WEIGHTS).unlink()
    check_refused(folder, f"{CONFIG}: {name} is ", "it must be a whole number from 1 to ")


def test_an_enormous_network_is_refused_before_the_weights_are_read(folder):
    changed_config(folder, hidden_size=8192, num_layers=32, embedding_size=8192)
    (folder / WEIGHTS).unlink()
    check_refused(folder, CONFIG, "parameters", "at most 500,000,000")


@pytest.mark.parametrize("vocab", [["\n", "a"], ["\n", "a", "b", "c"]])
def test_a_vocabulary_of_another_size_than_the_embedding_is_refused(folder, vocab):
    changed_config(folder, vocab=vocab)
    check_refused(folder, WEIGHTS, "embedding.weight has shape [3, 5]", f"config.json says [{len(vocab)}, 5]")


@pytest.mark.parametrize("name", ["embedding_size", "hidden_size", "num_layers", "vocab", "training"])
def test_an_error_names_a_missing_field(folder, name):
    config = json.loads((folder / CONFIG).read_bytes())
    del config[name]
    rewrite(folder, CONFIG, json.dumps(config).encode())
    check_refused(folder, f"{CONFIG} lacks the field '{name}'")


@pytest.mark.parametrize(
    "name", ["dropout", "auto_map", "architectures", "trust_remote_code", "", "x" * 10_000, "a\nb"]
)
def test_an_unknown_field_is_refused_so_that_no_config_can_name_code(folder, name):
    changed_config(folder, **{name: {"AutoModel": "evil.Model"}})
    (folder / "evil.py").write_text("raise SystemExit('code was run')")
    check_refused(folder, f"{CONFIG} has an unknown field")


CHAT = {"prefix": "a", "suffix": "\nb", "stop": "\n"}


def test_the_chat_format_is_read_and_written(folder, tmp_path):
    changed_config(folder, chat=CHAT)
    lm = CharLSTM.from_pretrained(folder)
    assert lm.chat == ChatFormat("a", "\nb", "\n")
    lm.save_pretrained(tmp_path / "again")
    assert CharLSTM.from_pretrained(tmp_path / "again").chat == lm.chat
    lm.chat = None
    lm.save_pretrained(tmp_path / "again")
    assert "chat" not in json.loads((tmp_path / "again" / CONFIG).read_bytes())


@pytest.mark.parametrize(
    ("chat", "words"),
    [
        (None, "chat must be an object of prefix, suffix and stop"),
        ("a: ", "chat must be an object"),
        ([CHAT], "chat must be an object"),
        ({}, "chat must be an object"),
        ({"prefix": "a", "suffix": "b"}, "chat must be an object"),
        ({**CHAT, "template": "{{ __import__('os') }}"}, "chat must be an object"),
        ({**CHAT, "prefix": None}, "chat prefix is None: it must be a text of at most 100 characters"),
        ({**CHAT, "suffix": 7}, "chat suffix is 7: it must be"),
        ({**CHAT, "suffix": ["b"]}, "chat suffix is ['b']: it must be"),
        ({**CHAT, "stop": True}, "chat stop is True: it must be"),
        ({**CHAT, "stop": "a" * 101}, "chat stop is 'aaa"),
        ({**CHAT, "prefix": "a" * 10**6}, "chat prefix is 'aaa"),
        ({**CHAT, "stop": ""}, "chat stop is empty"),
        ({**CHAT, "prefix": "c"}, "chat prefix has characters that are not in vocab"),
        ({**CHAT, "suffix": "\ud800"}, "chat suffix has characters that are not in vocab"),
    ],
)
def test_a_wrong_chat_format_is_refused(folder, chat, words):
    changed_config(folder, chat=chat)
    check_refused(folder, f"{CONFIG}: {words}")


@pytest.mark.parametrize("version", [0, 2, 99, -1, 1.0, "1", True, None, [1], 10**30])
def test_another_format_version_is_refused(folder, version):
    changed_config(folder, format_version=version)
    words = check_refused(folder, f"{CONFIG}: format_version is ")
    assert ("update char-lstm" in words) == (type(version) is int and version > 1)


@pytest.mark.parametrize("model_type", ["lstm", "bert", "", None, 5, ["char-lstm"], "x" * 10_000, "\n"])
def test_another_model_type_is_refused(folder, model_type):
    changed_config(folder, model_type=model_type)
    check_refused(folder, f"{CONFIG}: model_type is ", "not 'char-lstm'")


@pytest.mark.parametrize("training", [None, [], "x", 5])
def test_training_notes_that_are_no_object_are_refused(folder, training):
    changed_config(folder, training=training)
    check_refused(folder, f"{CONFIG}: training must be an object")


@pytest.mark.parametrize(
    ("vocab", "words"),
    [
        ([], "0 entries"),
        (["a", "b", "a"], "twice"),
        (["a", "bc", "d"], "'bc'"),
        (["a", "", "b"], "''"),
        (["a", "\ud800", "b"], "surrogate"),
        (["a", 5, "b"], "5"),
        (["a", None, "b"], "None"),
        (["a", ["b"], "c"], "each must be one character"),
        ({"a": 0, "b": 1, "c": 3}, "must be a list"),
        ("abc", "must be a list"),
        (None, "must be a list"),
        (["a"] * 1_200_000, "1,200,000 entries"),
    ],
)
def test_a_bad_vocabulary_is_refused(folder, vocab, words):
    changed_config(folder, vocab=vocab)
    check_refused(folder, f"{CONFIG}: vocab", words)


def test_a_vocabulary_of_ten_million_entries_is_not_parsed(folder, monkeypatch):
    monkeypatch.setattr("model.checkpoint.format.parse_json", lambda *_: pytest.fail("it was parsed"))
    (folder / CONFIG).write_bytes(b'{"vocab": [' + b'"a",' * 10**7 + b'"b"]}')
    check_refused(folder, f"{CONFIG} is larger than")


def test_a_config_of_a_hundred_megabytes_is_not_read_whole(folder):
    with (folder / CONFIG).open("ab") as file:
        file.truncate(100 * 2**20)
    tracemalloc.start()
    check_refused(folder, f"{CONFIG} is larger than")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * 2**20


def config_text(folder: Path, old: str, new: str) -> bytes:
    text = json.dumps(json.loads((folder / CONFIG).read_bytes()))
    assert old in text
    return text.replace(old, new).encode("utf-8", "surrogatepass")


def test_a_duplicate_key_is_refused(folder):
    rewrite(folder, CONFIG, config_text(folder, '"hidden_size": 3', '"hidden_size": 3, "hidden_size": 4'))
    check_refused(folder, CONFIG, "'hidden_size' occurs twice")


def test_a_duplicate_key_among_many_is_found_quickly(folder):
    """A search that was quadratic in the number of keys took hours for this file."""
    many = ", ".join(f'"k{i}": 0' for i in range(300_000)) + ', "k299999": 1'
    rewrite(folder, CONFIG, config_text(folder, '"step": 0', many))
    check_refused(folder, CONFIG, "'k299999' occurs twice")


@pytest.mark.parametrize("unit", ["[], ", "{}, "])
def test_json_that_would_fill_the_memory_is_refused_before_it_is_parsed(folder, unit):
    rewrite(folder, CONFIG, config_text(folder, '"step": 0', f'"step": [{unit * 3_000_000} 0]'))
    tracemalloc.start()
    check_refused(folder, f"{CONFIG} holds more than 10,000 lists and objects")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 2**20


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400])
def test_numbers_that_are_not_finite_are_refused(folder, literal):
    rewrite(folder, CONFIG, config_text(folder, '"step": 0', f'"step": {literal}'))
    check_refused(folder, CONFIG, literal[:20])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"null",
        b"5",
        b"not json",
        b"\x00" * 100,
        b"\xff\xfe{}",
        b'{"a": "\xe9"}',
        b"\xef\xbb\xbf{}",
        '{"model_type": "char-lstm"}'.encode("utf-16"),
        b'{"a": 1} trailing',
        b'{"a": "\n"}',
        b'{"hidden_size": ' + b"9" * 5000 + b"}",
        b"<!doctype html><title>Sign in</title>",
        b"version https://git-lfs.github.com/spec/v1\n",
    ],
)
def test_a_config_that_is_not_a_strict_json_object_is_refused(folder, data):
    rewrite(folder, CONFIG, data)
    check_refused(folder, CONFIG)


def test_a_byte_order_mark_is_refused(folder):
    rewrite(folder, CONFIG, b"\xef\xbb\xbf" + (folder / CONFIG).read_bytes())
    check_refused(folder, CONFIG)


@pytest.mark.parametrize("place", ['"step": 0', '"char-lstm"', '"a", ', '"hidden_size": 3', '"format_version": 1'])
@pytest.mark.parametrize("depth", [90, 110, 900, 980, 990, 995, 1000, 5000, 100_000])
def test_deep_nesting_is_never_a_recursion_error(folder, place, depth):
    nested = "[" * depth + "]" * depth
    new = {
        '"step": 0': f'"step": {nested}, "k": {nested}',
        '"char-lstm"': nested,
        '"a", ': f"{nested}, ",
        '"hidden_size": 3': f'"hidden_size": {nested}',
        '"format_version": 1': f'"format_version": {nested}',
    }[place]
    rewrite(folder, CONFIG, config_text(folder, place, new))
    if place == '"step": 0' and depth < 100:  # any value is allowed there
        CharLSTM.from_pretrained(folder).save_pretrained(folder)
    else:
        check_refused(folder, CONFIG)


def test_the_character_of_rare_ones_is_stored(folder, tmp_path):
    lm = CharLSTM.from_pretrained(folder)
    assert lm.tokenizer.rare is None
    rare = lm.tokenizer.vocab[1]
    changed_config(folder, rare=rare)
    lm = CharLSTM.from_pretrained(folder)
    assert (lm.tokenizer.rare, lm.tokenizer.rare_id) == (rare, 1)
    lm.save_pretrained(tmp_path / "copy")
    assert CharLSTM.from_pretrained(tmp_path / "copy").tokenizer.rare == rare


@pytest.mark.parametrize("rare", ["\u4e00", "", "ab", 3, [], {"a": 1}])
def test_a_character_of_rare_ones_that_is_not_in_the_vocabulary_is_refused(folder, rare):
    changed_config(folder, rare=rare)
    check_refused(folder, f"{CONFIG}: rare is ", "it must be an entry of vocab")


def test_a_field_of_the_record_with_another_type_counts_as_missing_and_an_unknown_one_is_kept(folder, tmp_path):
    good = {"corpus": "a", "val_loss": 1, "examples": ["a"], "welcome": {"text": "a", "seed": 1}, "mine": [None]}
    wrong = {
        "step": True,
        "seconds": "1",
        "repo": None,
        "recipe": [],
        "quote_chat": 1,
        "val_loss_95": [1, "2"],
        "taught_by": {"models": [], "sha256": 1},
    }
    changed_config(folder, training={**wrong, **good})
    lm = CharLSTM.from_pretrained(folder)
    assert lm.training == good
    lm.save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / CONFIG).read_bytes())["training"] == good
