"""Character ids in a file: one pass, vocabulary order, the narrowest integer type, written atomically."""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.windows_files import refuse_files_in_use
from training.corpus import ids_file
from training.corpus.ids_file import RARE, EncodedText, IdsWriter, decode_ids, open_ids
from training.corpus.reader import read_corpus

TEXTS = {
    "|u1": "one two three\n" * 40,
    "<u2": "".join(map(chr, random.Random(1).choices(range(0x4E00, 0x4E00 + 5000), k=9000))),
    "<u4": "".join(map(chr, random.Random(2).sample(range(0x20000, 0x20000 + 70_000), k=66_000))),
}


def encode(text: str, path: Path | None, base_vocab: str = "", pieces: int = 7) -> EncodedText:
    cuts = sorted(random.Random(3).choices(range(len(text) + 1), k=pieces))
    with IdsWriter(path, base_vocab) as writer:
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            writer.add(text[start:end])
        return writer.finish()


@pytest.mark.parametrize("dtype", TEXTS)
def test_ids_index_the_sorted_vocabulary(tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the integer type becomes wider in the middle of the text, which rewrites the file piece by piece."""
    monkeypatch.setattr(ids_file, "PIECE", 1000)
    text = TEXTS["|u1"] + TEXTS[dtype] + TEXTS["|u1"]
    encoded = encode(text, tmp_path / "text.ids")
    assert encoded.vocab == tuple(sorted(set(text)))
    assert encoded.ids.dtype.str == dtype
    assert "".join(decode_ids(encoded.ids, encoded.vocab)) == text
    assert encoded.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert np.array_equal(open_ids(tmp_path / "text.ids", dtype, len(text)), encoded.ids)
    assert [path.name for path in tmp_path.iterdir()] == ["text.ids"]


def test_the_base_vocabulary_keeps_its_ids() -> None:
    encoded = encode("abcz", None, base_vocab="zyb")
    assert "".join(encoded.vocab) == "zybac"
    assert encoded.ids.tolist() == [3, 2, 4, 0]


def test_truncated_text_leaves_no_trace(tmp_path: Path) -> None:
    with IdsWriter(tmp_path / "text.ids") as writer:
        writer.add("some text")
        position = writer.position()
        writer.add(TEXTS["<u2"])  # which also makes the integer type wider
        writer.truncate(position)
        writer.add(", and more")
        encoded = writer.finish()
    assert "".join(decode_ids(encoded.ids, encoded.vocab)) == "some text, and more"
    assert encoded.vocab == tuple(sorted(set("some text, and more")))
    assert encoded.sha256 == hashlib.sha256(b"some text, and more").hexdigest()


def test_an_interrupted_writer_keeps_the_previous_file(tmp_path: Path) -> None:
    encode("before", tmp_path / "text.ids")
    before = (tmp_path / "text.ids").read_bytes()
    with contextlib.suppress(KeyboardInterrupt), IdsWriter(tmp_path / "text.ids") as writer:
        writer.add("after")
        raise KeyboardInterrupt
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("text.ids", before)]


def test_a_file_of_another_size_is_refused(tmp_path: Path) -> None:
    encode("before", tmp_path / "text.ids")
    for dtype, count in (("|u1", 5), ("<u2", 6), ("<f4", 6)):
        with pytest.raises(ValueError, match="does not hold"):
            open_ids(tmp_path / "text.ids", dtype, count)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see which files are in use")
def test_a_text_is_written_and_replaced_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to rename or delete a file that is open or mapped, so no training could start there."""
    refuse_files_in_use(monkeypatch)
    (tmp_path / "a.txt").write_text("one text")
    with pytest.raises(PermissionError), (tmp_path / "a.txt").open():
        (tmp_path / "a.txt").unlink()
    for text in ("one text", "another text"):
        (tmp_path / "a.txt").write_text(text)
        corpus = read_corpus([str(tmp_path / "a.txt")], path=tmp_path / "text.ids")
        assert corpus.text == text
        with pytest.raises(PermissionError):  # `corpus` maps it
            (tmp_path / "text.ids").replace(tmp_path / "moved")
        del corpus
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "text.ids"]


# rare characters


def rare_text() -> str:
    """Returns a text of 300 frequent characters and 40 that occur once, 0.02 % of the text."""
    frequent = "".join(chr(0x4E00 + n) for n in range(300)) + "\n"
    return frequent * 600 + "".join(chr(0x5E00 + n) for n in range(40)) + frequent * 100


def test_rare_characters_share_one_id(tmp_path: Path) -> None:
    text = rare_text()
    with IdsWriter(tmp_path / "text.ids") as writer:
        for start in range(0, len(text), 50_000):
            writer.add(text[start : start + 50_000])
        encoded = writer.finish(merge_rare=True, keep="\u5e07")
    expected = re.sub("[\u5e00-\u5e06\u5e08-\u5e27]", RARE, text)
    assert "".join(decode_ids(encoded.ids, encoded.vocab)) == expected
    assert encoded.sha256 == hashlib.sha256(expected.encode()).hexdigest()
    assert (encoded.rare, encoded.rare_times) == (39, 39)
    assert len(encoded.vocab) == 303
    assert RARE in encoded.vocab


def test_a_read_with_the_vocabulary_of_the_first_gives_the_same_ids(tmp_path: Path) -> None:
    """A resumed run reads its text again with the vocabulary of its checkpoint."""
    results: list[EncodedText] = []
    for number, base in enumerate([(), None]):
        with IdsWriter(tmp_path / f"{number}.ids", results[0].vocab if base is None else base) as writer:
            writer.add(rare_text())
            results.append(writer.finish(merge_rare=True))
    first, second = results
    assert (first.vocab, first.sha256, first.rare) == (second.vocab, second.sha256, second.rare)
    assert np.array_equal(first.ids, second.ids)


def test_the_256_most_frequent_characters_are_never_rare(tmp_path: Path) -> None:
    text = "a" * 1_000_000 + "".join(chr(0x4E00 + n) for n in range(258))
    with IdsWriter(tmp_path / "text.ids") as writer:
        writer.add(text)
        encoded = writer.finish(merge_rare=True)
    assert encoded.rare == 3
    assert len(encoded.vocab) == 257
    with IdsWriter(tmp_path / "text.ids") as writer:
        writer.add(text[:1_000_200])
        assert writer.finish(merge_rare=True).rare == 0
