"""Ids of a text in a file: in one pass, in the vocabulary's order, in the narrowest format, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import random
from pathlib import Path

import numpy as np
import pytest

from training.corpus import ids_file
from training.corpus.ids_file import IdsWriter, Written, open_ids, texts

TEXTS = {
    "|u1": "one two three\n" * 40,
    "<u2": "".join(map(chr, random.Random(1).choices(range(0x4E00, 0x4E00 + 5000), k=9000))),
    "<u4": "".join(map(chr, random.Random(2).sample(range(0x20000, 0x20000 + 70_000), k=66_000))),
}


def written(text: str, path: Path | None, known: str = "", pieces: int = 7) -> Written:
    cuts = sorted(random.Random(3).choices(range(len(text) + 1), k=pieces))
    with IdsWriter(path, known) as writer:
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            writer.add(text[start:end])
        return writer.finish()


@pytest.mark.parametrize("dtype", TEXTS)
def test_ids_are_places_in_the_sorted_vocabulary(tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the format grows on the way, which happens in place, in pieces."""
    monkeypatch.setattr(ids_file, "PIECE", 1000)
    text = TEXTS["|u1"] + TEXTS[dtype] + TEXTS["|u1"]
    found = written(text, tmp_path / "text.ids")
    assert found.vocab == tuple(sorted(set(text)))
    assert found.ids.dtype.str == dtype
    assert "".join(texts(found.ids, found.vocab)) == text
    assert found.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert np.array_equal(open_ids(tmp_path / "text.ids", dtype, len(text)), found.ids)
    assert [path.name for path in tmp_path.iterdir()] == ["text.ids"]


def test_known_characters_keep_their_places() -> None:
    found = written("abcz", None, known="zyb")
    assert "".join(found.vocab) == "zybac"
    assert found.ids.tolist() == [3, 2, 4, 0]


def test_what_was_taken_back_was_never_there(tmp_path: Path) -> None:
    with IdsWriter(tmp_path / "text.ids") as writer:
        writer.add("some text")
        mark = writer.mark()
        writer.add(TEXTS["<u2"])  # which also makes the format wider
        writer.back_to(mark)
        writer.add(", and more")
        found = writer.finish()
    assert "".join(texts(found.ids, found.vocab)) == "some text, and more"
    assert found.vocab == tuple(sorted(set("some text, and more")))
    assert found.sha256 == hashlib.sha256(b"some text, and more").hexdigest()


def test_a_text_that_is_not_finished_leaves_the_one_before(tmp_path: Path) -> None:
    written("before", tmp_path / "text.ids")
    before = (tmp_path / "text.ids").read_bytes()
    with contextlib.suppress(KeyboardInterrupt), IdsWriter(tmp_path / "text.ids") as writer:
        writer.add("after")
        raise KeyboardInterrupt
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("text.ids", before)]


def test_a_file_of_another_size_is_none_of_these_ids(tmp_path: Path) -> None:
    written("before", tmp_path / "text.ids")
    for dtype, count in (("|u1", 5), ("<u2", 6), ("<f4", 6)):
        with pytest.raises(ValueError, match="does not hold"):
            open_ids(tmp_path / "text.ids", dtype, count)
