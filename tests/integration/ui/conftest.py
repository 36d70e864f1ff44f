"""An HTTP client for the tests of the running app that are coroutines."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.page_client import LIMITS, TIMEOUT_S


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        yield http
