"""Two processes of the app behind a proxy that sends each connection to the next one; one of them is killed.

Neither knows the other. Each visitor's page has the conversation, and any process continues any reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from subprocess import Popen
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from model import CharLSTM
from tests.integration.ui.test_app_process import started
from tests.support.app_server import random_model, serving
from tests.support.page_client import LIMITS, TIMEOUT_S, Visitor
from tests.support.platforms import posix_only
from tests.support.unreliable_network import Network, network

VISITORS = 20
LENGTH = 200  # characters of the reply during which a process is killed
PACE = 60  # characters per second
NAME = "mine"

Server = tuple["Popen[str]", int]  # with its port


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / NAME
    random_model(hidden_size=64).save_pretrained(folder)
    return folder


@pytest.fixture
def servers(folder: Path) -> Iterator[list[Server]]:
    """Two processes of the app with the same model, and their ports."""
    with ExitStack() as stack, ThreadPoolExecutor(2) as threads:

        def start(_: int) -> Server:
            process, url = stack.enter_context(started("--model", str(folder)))
            return process, urlsplit(url).port or 80

        yield list(threads.map(start, range(2)))


class Story:
    """A visitor's conversation of three turns; the second one is written at reading pace.

    Attributes:
        text: all that the model has read and written.
        connections: how often the second reply was asked for.
    """

    def __init__(self, http: httpx.AsyncClient, url: str, number: int) -> None:
        self._visitor = Visitor(http, url)
        self._number = number
        self.connections = 0

    @property
    def text(self) -> str:
        return self._visitor.text

    async def first(self) -> None:
        await self._visitor.send(f"{self._number}. ROMEO:", length=40, seed=self._number)

    async def second(self, speed: float | None) -> None:
        before = self._visitor.connections
        clamped: dict[str, Any] = {"cells": [[1, 5, 4.0]]} if self._number % 4 == 0 else {}
        reply = await self._visitor.send("\nJULIET: é", length=LENGTH, seed=100, speed=speed, **clamped)
        assert reply.ending["end"] == "length"
        self.connections = self._visitor.connections - before

    async def third(self) -> None:
        """What a clamped cell has changed is read again with the cell clamped."""
        clamps = self._clamps() if self._number % 4 == 0 else []
        await self._visitor.send("\nNURSE:", length=40, seed=7, clamps=clamps)

    def _clamps(self) -> list[Any]:
        """As the page writes them: from the last character of the second prompt to the last one of its reply."""
        end = len(self.text) - 1
        return [[end - LENGTH, [[1, 5, 4.0]]], [end, []]]


async def undisturbed(url: str) -> list[str]:
    """The texts of all visitors from one server that nothing happens to, as digests."""
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        stories = [Story(http, url, number) for number in range(VISITORS)]

        async def tell(story: Story) -> None:
            await story.first()
            await story.second(None)
            await story.third()

        await asyncio.gather(*map(tell, stories))
        return [digest(story.text) for story in stories]


async def disturbed(net: Network, servers: list[Server]) -> tuple[list[str], list[int]]:
    """The same texts through the proxy, and how often each visitor had to ask for the second reply."""
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        stories = [Story(http, net.url, number) for number in range(VISITORS)]
        await asyncio.gather(*(story.first() for story in stories))
        lengths = [len(story.text) for story in stories]
        seconds = [asyncio.create_task(story.second(PACE)) for story in stories]
        while not all(len(story.text) > length + 30 for story, length in zip(stories, lengths, strict=True)):
            await asyncio.sleep(0.02)
        assert not any(second.done() for second in seconds)
        servers[0][0].kill()
        await asyncio.gather(*seconds)
        await asyncio.gather(*(story.third() for story in stories))
        return [digest(story.text) for story in stories], [story.connections for story in stories]


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@posix_only
def test_a_process_that_is_killed_while_twenty_replies_are_written_changes_no_character(
    folder: Path, servers: list[Server]
) -> None:
    with serving({NAME: CharLSTM.from_pretrained(folder)}) as app:
        expected = asyncio.run(undisturbed(app.url))
    with network(*(port for _, port in servers)) as net:
        texts, connections = asyncio.run(disturbed(net, servers))
    assert servers[0][0].wait(10) == -9
    assert texts == expected
    assert len(set(texts)) == VISITORS
    again = sum(count > 1 for count in connections)
    assert VISITORS / 4 <= again < VISITORS, "some replies were written by the process that was killed, some were not"
