"""Quick runs for all tests of training."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tiny_runs import SIZES, be_quick, write_text
from training.__main__ import main


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """See `be_quick`; a module in which pictures or samples are tested has a fixture of this name that does nothing.

    A request to the Hub that failed is repeated soon.
    """
    with pytest.MonkeyPatch.context() as patch:
        be_quick(patch.setattr)
        quick = {"calls.FIRST_WAIT_S": 0.02, "calls.LONGEST_WAIT_S": 0.1, "space_files.POLL_S": 0.01}
        for name, seconds in quick.items():
            patch.setattr(f"training.hub.{name}", seconds)
        yield


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A text in the folder of the test: text.txt."""
    return write_text(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two evaluations that was never pushed; its text is beside it."""
    folder = tmp_path_factory.mktemp("trained")
    text, run = write_text(folder), folder / "run"
    assert main([str(text), *SIZES, "--steps=4", "--set=evaluations=2", f"--out={run}"]) == 0
    return run
