"""The running app that most tests share, and an HTTP client for those that are coroutines."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import httpx
import pytest

from model import ChatFormat
from tests.support.app_server import App, random_model, scripted_model, serving
from tests.support.page_client import LIMITS, TIMEOUT_S
from tests.support.tiny_models import tiny_model
from ui.access.limits import Limiter, Limits
from ui.site_config import SiteConfig

TALE = "Once upon a time there was a small machine that wrote one character after another.\n"


@pytest.fixture(scope="session")
def app() -> Iterator[App]:
    """Two random models, one that writes TALE, a chat model, and one with no character in common with the others."""
    chat = replace(random_model(2), chat=ChatFormat("Ann: ", "\nBo: ", "\n"))
    models = {"random": random_model(), "other": random_model(1), "tale": scripted_model(TALE), "chat": chat}
    site = SiteConfig(allowed_origins=frozenset({"https://friend.example"}))
    with serving({**models, "foreign": tiny_model("äö")}, site) as app:
        yield app


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        yield http


@pytest.fixture
def same_handlers() -> Iterator[None]:
    """Restores the signal handlers, which a start of app.py replaces."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def limit(app: App, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    limiter = app.page.limiter

    def limit(**values: int) -> None:
        fresh = Limiter(Limits(**values))
        for name, value in vars(fresh).items():
            monkeypatch.setattr(limiter, name, value)

    return limit
