"""The tiny model that these tests only read."""

import pytest

from model import CharLSTM
from tests.support.tiny_models import tiny_model


@pytest.fixture(scope="session")
def lm() -> CharLSTM:
    return tiny_model()
