"""The training command line in the test's own process, which spares the seconds that torch takes to import."""

from pathlib import Path

import pytest

from tests.support.tiny_runs import Here
from training.__main__ import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Return a function that runs the command line in an empty folder; it checks the exit code and returns stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, code: int = 0) -> str:
        capsys.readouterr()
        ended, (_, errors) = main([*map(str, arguments)]), capsys.readouterr()
        assert ended == code, errors
        return errors

    return run
