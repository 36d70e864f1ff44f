"""Thousands of damaged checkpoints, each from a seed, are refused in one line or load as a valid model."""

import json
import random
import re
from pathlib import Path

import pytest

from model import CharLSTM, CheckpointError, generate
from model.checkpoint.names import CONFIG, MANIFEST, MODEL_FILES, WEIGHTS
from model.checkpoint.write import write_manifest
from tests.support.checkpoint_files import join, split
from tests.support.tiny_models import tiny_model

ROUNDS = 4000
Files = dict[str, bytes]
NUMBERS: list[object] = [0, 1, -1, 2, 3, 2**31, 2**32, 2**53, 2**62, 2**63, 2**64 - 1, 10**30, 0.5, -0.0, 1e400]
VALUES: list[object] = [
    None, True, False, "", "F32", "F16", "I8", "BOOL", "\ud800", "x" * 5000, [], {}, [[]], [0], [2**62, 0],
]  # fmt: skip
TOKENS = [b"0", b"1", b"3", b"[", b"]", b"{", b"}", b'"', b",", b":", b"-", b"e", b"null"]


@pytest.fixture(scope="module", params=["float32", "int8"])
def good(tmp_path_factory, request) -> Files:
    folder = tmp_path_factory.mktemp("good")
    tiny_model("ab\n", hidden=3, layers=1).save_pretrained(folder, dtype=request.param)
    return {name: (folder / name).read_bytes() for name in MODEL_FILES}


def flip(dice: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 8])):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def edit(dice: random.Random, data: bytes) -> bytes:
    """Returns data of which a part is missing, doubled, inserted or replaced, or that ends early."""
    start, end = sorted(dice.choices(range(len(data)), k=2))
    old, new = dice.choices(TOKENS, k=2)
    return dice.choice(
        [
            data[:start],
            data[:start] + data[start + dice.randrange(1, 64) :],
            data[:start] + dice.randbytes(dice.randrange(1, 32)) + data[start:],
            data[:end] + data[start:],
            data.replace(old, new, dice.choice([1, 2, -1])),
        ]
    )


def mutate(dice: random.Random, value: object) -> object:
    """Return a JSON value in which a value is replaced, removed, doubled or renamed."""
    if isinstance(value, dict) and value and dice.random() < 0.9:
        key = dice.choice(list(value))
        rest = {name: each for name, each in value.items() if name != key}
        inner = {**value, key: mutate(dice, value[key])}
        return dice.choice([inner, inner, rest, {**rest, key + "x": value[key]}, {**value, "extra": value[key]}])
    if isinstance(value, list) and value and dice.random() < 0.7:
        at = dice.randrange(len(value))
        return [*value[:at], mutate(dice, value[at]), *value[at + dice.randrange(2) :]]
    return dice.choice([*NUMBERS, *VALUES])


def mutate_json(dice: random.Random, data: bytes) -> bytes:
    value = json.loads(data)
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        value = mutate(dice, value)
    return json.dumps(value).encode("utf-8", "surrogatepass")


def mutate_header(dice: random.Random, data: bytes) -> bytes:
    header, payload = split(data)
    return join(mutate_json(dice, json.dumps(header).encode()), payload)


def damaged(dice: random.Random, good: Files, folder: Path) -> None:
    """Write a damaged checkpoint; two thirds have a matching manifest, so that later checks are reached."""
    files = dict(good)
    for _ in range(dice.choice([1, 1, 2])):
        name = dice.choice(MODEL_FILES)
        of_json = mutate_header if name == WEIGHTS else mutate_json
        way = dice.choice([flip, edit, edit, edit, of_json, of_json])
        data = files[name] or b"x"
        try:
            files[name] = way(dice, data)
        except ValueError:  # it is no longer JSON
            files[name] = flip(dice, data)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    if dice.random() < 0.67:
        (folder / MANIFEST).write_bytes(good[MANIFEST])
        write_manifest(folder, (CONFIG, WEIGHTS))


def test_a_damaged_checkpoint_is_refused_in_one_line_or_loads_as_a_valid_model(good, tmp_path):
    refused, served = 0, 0
    for seed in range(ROUNDS):
        dice = random.Random(seed)
        damaged(dice, good, tmp_path)
        try:
            lm = CharLSTM.from_pretrained(tmp_path)
        except CheckpointError as error:
            message = str(error)
            assert re.fullmatch(r".{1,299}", message), f"seed {seed}: {message}"
            assert str(tmp_path) not in message, f"seed {seed}"
            assert any(name in message for name in MODEL_FILES), f"seed {seed}: {message}"
            refused += 1
        else:
            assert len(generate(lm, "ab", 5, seed=1, unknown="skip")) == 5, f"seed {seed}"
            served += 1
    assert refused > ROUNDS / 2
    assert served > 0  # a flipped weight with a matching manifest is a valid model
