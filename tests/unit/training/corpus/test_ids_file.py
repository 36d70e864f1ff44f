"""Character ids in a file: vocabulary order, the narrowest integer type, written atomically; rare characters."""

import hashlib
import random
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest

from training.corpus import ids_file
from training.corpus.ids_file import RARE, EncodedText, decode_ids, open_ids, write_ids

TEXTS = {
    "|u1": "one two three\n" * 40,
    "<u2": "".join(map(chr, random.Random(1).choices(range(0x4E00, 0x4E00 + 5000), k=9000))),
    "<u4": "".join(map(chr, random.Random(2).sample(range(0x20000, 0x20000 + 70_000), k=66_000))),
}


def encode(
    text: str, path: Path | None = None, base_vocab: tuple[str, ...] = (), *, merge_rare: bool = False, keep: str = ""
) -> EncodedText:
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        return write_ids(file, path, base_vocab, merge_rare=merge_rare, keep=keep)


@pytest.mark.parametrize("dtype", TEXTS)
def test_ids_index_the_sorted_vocabulary(tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids_file, "PIECE", 1000)
    text = TEXTS["|u1"] + TEXTS[dtype] + TEXTS["|u1"]
    for encoded in (encode(text, tmp_path / "text.ids"), encode(text)):
        assert encoded.vocab == tuple(sorted(set(text)))
        assert encoded.ids.dtype.str == dtype
        assert "".join(decode_ids(encoded.ids, encoded.vocab)) == text
        assert encoded.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert np.array_equal(open_ids(tmp_path / "text.ids", dtype, len(text)), encoded.ids)
    assert [path.name for path in tmp_path.iterdir()] == ["text.ids"]
    for other, count in ((dtype, 5), ("<f4", len(text))):
        with pytest.raises(ValueError, match="does not hold"):
            open_ids(tmp_path / "text.ids", other, count)


def test_rare_characters_share_one_id() -> None:
    """300 frequent characters, and 40 that occur once, 0.02 % of the text."""
    frequent = "".join(chr(0x4E00 + n) for n in range(300)) + "\n"
    text = frequent * 600 + "".join(chr(0x5E00 + n) for n in range(40)) + frequent * 100
    encoded = encode(text, merge_rare=True, keep="\u5e07")
    expected = re.sub("[\u5e00-\u5e06\u5e08-\u5e27]", RARE, text)
    assert "".join(decode_ids(encoded.ids, encoded.vocab)) == expected
    assert encoded.sha256 == hashlib.sha256(expected.encode()).hexdigest()
    assert (encoded.rare, encoded.rare_times, len(encoded.vocab)) == (39, 39, 303)
    # A resumed run reads its text again with the vocabulary of its checkpoint.
    again = encode(text, base_vocab=encoded.vocab, merge_rare=True, keep="\u5e07")
    assert (again.vocab, again.sha256, again.rare) == (encoded.vocab, encoded.sha256, encoded.rare)
    assert np.array_equal(again.ids, encoded.ids)
