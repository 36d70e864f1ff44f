"""Fixtures of all tests: a local Hub, chosen before huggingface_hub is imported, and an empty cache for each test.

huggingface_hub reads HF_ENDPOINT and HF_HOME once, at import, and torch reads the number of threads; so they are set
here, in the file that pytest imports first. Child processes inherit them. No test can reach the real Hub or use the
token of the person who runs the tests.
"""

import os
import shutil
import signal
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
    OMP_NUM_THREADS="1",  # small networks gain nothing from a second thread, which would spin on a core of other tests
    HF_ENDPOINT=_HUB.url,
    HF_HOME=str(_HOME),
    HF_HUB_DISABLE_XET="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    GRADIO_ANALYTICS_ENABLED="False",
)


# No test cuts the power, and a busy disk takes some milliseconds for each of the 180 files of a page. A closed file is
# still an error, and processes that tests start do sync.
os.fsync = os.fstat  # type: ignore[assignment]

# A shell starts jobs in the background with Ctrl-C ignored, which the programs would inherit that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

if sys.platform == "win32":  # these start, kill and resume processes by POSIX signals
    collect_ignore = [
        "integration/training/learner/test_processes.py",
        "integration/training/run/test_resume.py",
        "unit/training/test_signals.py",
    ]


def pytest_configure(config: pytest.Config) -> None:
    """Ignore the warning that huggingface_hub's HTTP library gives at each LFS upload."""
    config.addinivalue_line("filterwarnings", "ignore:Use 'content=:DeprecationWarning")


def pytest_unconfigure() -> None:
    """Stop the local Hub and delete the client's cache."""
    _HUB.unplug()
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Coroutine tests (``pytest.mark.anyio``) run in an event loop of asyncio."""
    return "asyncio"


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """Return an empty local Hub; the client's cache is empty, too, and nobody is logged in (see `token`)."""
    yield from _empty_hub(str(tmp_path_factory.mktemp("hub-cache")), monkeypatch)


@pytest.fixture(scope="module")
def module_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """Return the same for all tests of a module, none of which may use `hub`, which would empty it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield from _empty_hub(str(tmp_path_factory.mktemp("hub-cache")), monkeypatch)


def _empty_hub(cache: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    import huggingface_hub

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
    """Log user "ada" in, in this process and its children; returns her write token."""
    written = hub.add_token("ada")
    monkeypatch.setenv("HF_TOKEN", written)
    return written
