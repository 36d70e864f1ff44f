"""The API as MCP tools for language models: descriptions of the tools, and a real client."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from model import generate
from tests.support.app_server import App, random_model, serving


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"random": random_model(), "other": random_model(3)}, mcp_server=True) as app:
        yield app


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.anyio
async def test_a_client_lists_the_tools_and_receives_the_text_of_generate(app: App) -> None:
    from mcp import ClientSession  # half a second, which processes with other tests must not wait
    from mcp.client.streamable_http import streamablehttp_client

    arguments = {"prompt": "ROMEO:", "length": 40}
    async with (
        streamablehttp_client(f"{app.url}gradio_api/mcp/") as (reads, writes, _),
        ClientSession(reads, writes) as session,
    ):
        await session.initialize()
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert list(tools) == ["generate", "score", "inspect"]
        for tool in tools.values():
            assert len(tool.description or "") > 100
            assert all(each["description"] for each in tool.inputSchema["properties"].values())
        assert tools["generate"].inputSchema["required"] == ["prompt"]
        calls = [session.call_tool("generate", {**arguments, "seed": seed}) for seed in range(8)]
        for seed, result in enumerate(await asyncio.gather(*calls)):
            assert not result.isError
            assert repr(generate(app.served("random").lm, "ROMEO:", 40, seed=seed)) in text_of(result)
        refused = await session.call_tool("generate", {**arguments, "temperature": 9})
        assert (refused.isError, text_of(refused)) == (True, "temperature is 9: it must be a number from 0 to 5.")
        scored = await session.call_tool("score", {"text": "To be", "model": "other"})
        assert "'model': 'other'" in text_of(scored)
        inspected = await session.call_tool("inspect", {"text": "To be", "layer": 1, "cell": 3})
        assert not inspected.isError


def text_of(result: Any) -> str:
    return str(result.content[0].text)
