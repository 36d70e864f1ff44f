"""Two processes of the app behind a proxy that sends each connection to the next one; one of them is killed.

The processes share no state. Each visitor's page stores the conversation, and any process continues any reply.
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
from tests.support.app_process import started
from tests.support.app_server import random_model, serving
from tests.support.page_client import LIMITS, TIMEOUT_S, Visitor
from tests.support.platforms import posix_only
from tests.support.unreliable_network import Network, network

VISITORS = 20
LENGTH = 200  # characters of the reply during which a process is killed
CHARS_PER_SECOND = 60
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


class Conversation:
    """A visitor's conversation of three turns; the second one is written at a limited speed.

    Attributes:
        text: the text that the model has read and generated.
        connections: how many requests the second reply needed.
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
        """The reply before it was written with a clamped cell, and is read with that clamp."""
        clamps = self._clamps() if self._number % 4 == 0 else []
        await self._visitor.send("\nNURSE:", length=40, seed=7, clamps=clamps)

    def _clamps(self) -> list[Any]:
        """Return the clamps of the second reply: from the last character of its prompt to its last one."""
        end = len(self.text) - 1
        return [[end - LENGTH, [[1, 5, 4.0]]], [end, []]]


async def texts_of_one_server(url: str) -> list[str]:
    """Return the digests of all texts, written by one server without a fault."""
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        conversations = [Conversation(http, url, number) for number in range(VISITORS)]

        async def converse(conversation: Conversation) -> None:
            await conversation.first()
            await conversation.second(None)
            await conversation.third()

        await asyncio.gather(*map(converse, conversations))
        return [digest(conversation.text) for conversation in conversations]


async def texts_of_two_servers(net: Network, servers: list[Server]) -> tuple[list[str], list[int]]:
    """Write the same texts through the proxy; returns the digests and the requests that each second reply needed."""
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        conversations = [Conversation(http, net.url, number) for number in range(VISITORS)]
        await asyncio.gather(*(conversation.first() for conversation in conversations))
        lengths = [len(conversation.text) for conversation in conversations]
        seconds = [asyncio.create_task(conversation.second(CHARS_PER_SECOND)) for conversation in conversations]
        while not all(
            len(conversation.text) > length + 30 for conversation, length in zip(conversations, lengths, strict=True)
        ):
            await asyncio.sleep(0.02)
        assert not any(second.done() for second in seconds)
        servers[0][0].kill()
        await asyncio.gather(*seconds)
        await asyncio.gather(*(conversation.third() for conversation in conversations))
        return [digest(conversation.text) for conversation in conversations], [
            conversation.connections for conversation in conversations
        ]


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@posix_only
def test_killing_one_of_two_processes_changes_no_character_of_twenty_replies(
    folder: Path, servers: list[Server]
) -> None:
    with serving({NAME: CharLSTM.from_pretrained(folder)}) as app:
        expected = asyncio.run(texts_of_one_server(app.url))
    with network(*(port for _, port in servers)) as net:
        texts, connections = asyncio.run(texts_of_two_servers(net, servers))
    assert servers[0][0].wait(10) == -9
    assert texts == expected
    assert len(set(texts)) == VISITORS
    interrupted = sum(count > 1 for count in connections)
    assert VISITORS / 4 <= interrupted < VISITORS, "some replies were written by the killed process, some were not"
