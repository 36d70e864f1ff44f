"""Quick runs for all tests of training."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.tiny_runs import be_quick


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """See `be_quick`; a module in which pictures or samples are tested has a fixture of this name that does nothing."""
    with pytest.MonkeyPatch.context() as patch:
        be_quick(patch.setattr)
        yield
