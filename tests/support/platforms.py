"""Marks for tests that not every operating system can run."""

import sys

import pytest

posix_only = pytest.mark.skipif(
    sys.platform == "win32", reason="needs fork, POSIX signals, /proc, named pipes or symbolic links"
)
