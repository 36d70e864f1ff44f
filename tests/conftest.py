"""Fixtures of all tests: a local Hub, chosen before huggingface_hub is imported, and an empty cache for each test.

huggingface_hub reads HF_ENDPOINT and HF_HOME once, at import, and torch reads the number of threads; so they are set
here, in the file that pytest imports first. Child processes inherit them. No test can reach the real Hub or use the
token of the person who runs the tests.
"""

from __future__ import annotations

import math
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local_hub import LocalHub

if "huggingface_hub" in sys.modules:
    raise RuntimeError("huggingface_hub was imported before tests/conftest.py could set HF_ENDPOINT")

SLOW_FOLDERS = [
    Path(__file__).parent / name
    for name in ("browser", *(f"integration/training/{each}" for each in ("cli", "corpus", "learner", "run")))
]
SHARE = 1 / 3  # of the tests of a file there: `make test` is to end within 8 minutes, `make soak` runs all of them

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

if sys.platform == "win32":  # these start, kill and resume processes by POSIX signals
    collect_ignore = [
        "integration/training/learner/test_processes.py",
        "integration/training/run/test_resume.py",
        "unit/training/test_signals.py",
    ]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-display",
        action="store_true",
        help="run each test in every size and colour, or on both pages",
    )
    parser.addoption("--every-case", action="store_true", help="run all cases of each file of which a sample runs")


def pytest_configure(config: pytest.Config) -> None:
    """Ignore the warning that huggingface_hub's HTTP library gives at each LFS upload."""
    config.addinivalue_line("filterwarnings", "ignore:Use 'content=:DeprecationWarning")


@pytest.hookimpl(tryfirst=True)  # so that -m finds the markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep n of the tests of a file that are marked ``sampled(n)``, or that share of them: always the same ones.

    In ``SLOW_FOLDERS``, whose tests take most of the time, a file without such a mark is sampled, too. A run that
    names a file, or tests with -k, has all their cases.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    is_named = bool(config.option.keyword) or not all(Path(arg).is_dir() for arg in config.args)
    left_out: set[pytest.Item] = set()
    for path, tests in files.items():
        sampled = [test for test in tests if test.get_closest_marker("sampled")]
        if not sampled and any(folder in path.parents for folder in SLOW_FOLDERS):
            sampled = tests
            for test in tests:
                test.add_marker(pytest.mark.sampled(SHARE))
        if not sampled or is_named or config.getoption("--every-case"):
            continue
        marker = sampled[0].get_closest_marker("sampled")
        wanted = marker.args[0] if marker else 0
        count = min(len(sampled), math.ceil(wanted * len(sampled)) if isinstance(wanted, float) else wanted)
        left_out |= set(sampled) - set(random.Random(path.name).sample(sampled, count))
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))


def pytest_unconfigure() -> None:
    """Stop the local Hub and delete the client's cache."""
    _HUB.stop()
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
