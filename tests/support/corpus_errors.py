"""Reads sources that must fail, for tests of their error messages."""

from pathlib import Path
from typing import Any

import pytest

from training.corpus.decode import CorpusError
from training.corpus.reader import read_corpus


def corpus_error(*sources: str | Path, **options: Any) -> str:
    """Returns the error message for these sources, after checking that it is one printable line."""
    with pytest.raises(CorpusError) as caught:
        read_corpus([str(source) for source in sources], **options)
    message = str(caught.value)
    assert message.isprintable(), message
    return message
