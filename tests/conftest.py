"""Shared ground of all tests: a local Hub, chosen before huggingface_hub is imported, and a fresh cache per test.

The client reads HF_ENDPOINT, HF_HOME and their like once, at import, as torch reads how many threads to use; so they
are set here, where pytest comes first. Subprocesses inherit them. No test can reach the real Hub or use the token of
whoever runs the tests.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local_hub import LocalHub

if "huggingface_hub" in sys.modules:
    raise RuntimeError("huggingface_hub was imported before tests/conftest.py could set HF_ENDPOINT")

_HOME = Path(tempfile.mkdtemp(prefix="hf-home-"))
_HUB = LocalHub().start()
for _name in [name for name in os.environ if name.startswith(("HF_", "HUGGING_FACE_", "HUGGINGFACE_"))]:
    del os.environ[_name]
os.environ.update(
    OMP_NUM_THREADS="1",  # the networks are small, and other tests want the cores: a second thread would wait, spinning
    HF_ENDPOINT=_HUB.url,
    HF_HOME=str(_HOME),
    HF_HUB_DISABLE_XET="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    GRADIO_ANALYTICS_ENABLED="False",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every-look", action="store_true", help="run each test of the page in every size and colour")


def pytest_configure(config: pytest.Config) -> None:
    """Spares huggingface_hub a warning of its own HTTP library, which each LFS upload gives."""
    config.addinivalue_line("filterwarnings", "ignore:Use 'content=:DeprecationWarning")


def pytest_unconfigure() -> None:
    """Ends the local Hub and removes what the client wrote."""
    _HUB.stop()
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """An empty local Hub, with an empty cache for the client; no one is logged in (see `token`)."""
    import huggingface_hub

    cache = str(tmp_path_factory.mktemp("hub-cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", cache)
    monkeypatch.setenv("HF_HUB_CACHE", cache)
    _HUB.reset()
    yield _HUB
    crashes = list(_HUB.crashes)
    huggingface_hub.close_session()
    _HUB.reset()
    assert not crashes, crashes[0]


@pytest.fixture
def token(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> str:
    """The write token of user "ada", who is logged in, in this process and in its children."""
    written = hub.add_token("ada")
    monkeypatch.setenv("HF_TOKEN", written)
    return written
