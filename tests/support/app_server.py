"""Serve the real app, in a thread of the test's own process, with models whose text a test can predict.

A test can look into the engines of the app, and make a model slow or faulty.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import httpx
import torch

from model import CharLSTM, CharTokenizer, Engine, LSTMConfig, LSTMNetwork, LSTMState
from model.settings import Precision
from tests.support.http_server import free_port
from ui.registry.loaded_model import LoadedModel, start_model
from ui.registry.registry import Entry, ModelRegistry
from ui.site_config import SiteConfig

if TYPE_CHECKING:
    from ui.page.launch import AppServer, Page

ALPHABET = ["\t", "\n", *map(chr, range(32, 127)), *"éß¬—…你🙂\u0301\u202e\u2028\x07"]


def random_model(seed: int = 0, hidden_size: int = 24) -> CharLSTM:
    """Return an untrained model with random weights; it writes any character of ``ALPHABET``, markup included."""
    torch.manual_seed(seed)
    network = LSTMNetwork(LSTMConfig(len(ALPHABET), 8, hidden_size, 2)).eval().requires_grad_(False)
    return CharLSTM(network, CharTokenizer(ALPHABET), {"examples": ["ROMEO:", "First\n"]}, "random")


class ScriptedNetwork(LSTMNetwork):
    """A network that writes one text over and over, whatever it reads; its cell state is the position in the text.

    Attributes:
        delay_s: seconds that each character takes.
        fail_at: the position at which ``step`` raises RuntimeError; None for nowhere.
    """

    def __init__(self, config: LSTMConfig, script: list[int]) -> None:
        super().__init__(config)
        self.script = script
        self.delay_s = 0.0
        self.fail_at: int | None = None

    def step(
        self, ids: torch.Tensor, state: LSTMState | None = None, clamps: object = ()
    ) -> tuple[torch.Tensor, LSTMState]:
        assert state is not None
        position = int(state.c[0, 0, 0])
        if position == self.fail_at:
            raise RuntimeError(f"cannot write character {position}")
        if self.delay_s:
            time.sleep(self.delay_s)
        logits = torch.zeros(1, self.config.vocab_size)
        logits[0, self.script[position % len(self.script)]] = 1000.0
        return logits, LSTMState(state.h, state.c + 1)


def scripted_model(text: str) -> CharLSTM:
    """Return a model that writes this text; each character of a prompt but the last moves the position on by one."""
    tokenizer = CharTokenizer.from_text(text)
    config = LSTMConfig(len(tokenizer), 1, 1, 1)
    network = ScriptedNetwork(config, tokenizer.encode(text).tolist()).eval().requires_grad_(False)
    # So high a cost of quantization makes the engine use the float32 network, which is the scripted one.
    return CharLSTM(network, tokenizer, {"int8_cost": 1.0}, "scripted")


def serve(seed: int = 0, name: str = "random", precision: Precision = "int8", **about: Any) -> LoadedModel:
    """A model with random weights, and an engine that does not run by itself."""
    lm = replace(random_model(seed), **about)
    engine, thread = Engine(lm, precision=precision), threading.current_thread()
    return LoadedModel(name=name, lm=lm, precision=precision, device=lm.device, engine=engine, thread=thread)


def add_model(registry: ModelRegistry, name: str, lm: CharLSTM) -> LoadedModel:
    """Serve a model that is already in memory."""
    entry = Entry("", name, start_model(name, lm, registry.precision, registry.site))
    entry.done.set()
    registry.entries.append(entry)
    return registry.get(name)


def strong_model() -> CharLSTM:
    """A model with such weights that a single cell matters."""
    lm = random_model()
    with torch.no_grad():
        for parameter in lm.models[0].network.parameters():
            parameter.mul_(4)
    return lm


@dataclass
class App:
    """A running app, and a client for its tests: one of their own for each request would take 8 ms."""

    url: str
    registry: ModelRegistry
    page: Page = None  # type: ignore[assignment]  # the static page has none
    server: AppServer = None  # type: ignore[assignment]
    http: httpx.Client = field(default_factory=httpx.Client)

    def served(self, name: str) -> LoadedModel:
        return self.registry.get(name)

    def call(self, endpoint: str, data: list[Any], *, session: str | None = None, **headers: str) -> str:
        """Calls Gradio's API with plain HTTP requests; returns all events as text."""
        address, body = f"gradio_api/call/{endpoint}", {"data": data, **({"session_hash": session} if session else {})}
        headers = {"content-type": "application/json", **headers}
        posted = self.http.post(address, content=json.dumps(body), headers=headers).raise_for_status()
        return self.http.get(f"{address}/{posted.json()['event_id']}", headers=headers).text

    def network(self, name: str) -> ScriptedNetwork:
        network = self.served(name).lm.models[0].network
        assert isinstance(network, ScriptedNetwork)
        return network


@contextmanager
def serving(
    models: Mapping[str, CharLSTM] | ModelRegistry, site: SiteConfig | None = None, **options: Any
) -> Iterator[App]:
    """Serve the app in this process, with these models or with a registry that was started and may still be loading."""
    from ui.page.launch import launch  # imports Gradio: seconds, which tests that need the models only must not wait

    registry = models if isinstance(models, ModelRegistry) else ModelRegistry(site=site)
    if not isinstance(models, ModelRegistry):
        for name, lm in models.items():
            add_model(registry, name, lm)
        registry.start()
        assert registry.settled.wait(60)

    async def start() -> tuple[AppServer, str]:
        # Without a running event loop Gradio makes loops that it never closes, and pytest reports them as a leak.
        return launch(registry, server_port=free_port(), **options)

    with ThreadPoolExecutor(1) as threads:  # the test's thread already runs Playwright's event loop
        server, url = threads.submit(asyncio.run, start()).result()
    try:
        # uvicorn closes a connection that was idle for 5 s; a request sent at that moment would fail.
        with httpx.Client(base_url=url, timeout=120, limits=httpx.Limits(keepalive_expiry=2)) as http:
            yield App(url, registry, server.page, server, http)
    finally:
        registry.stop()
        server.close()


def eventually(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    """Wait until the condition is true; the timeout exists only so that a broken test ends."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"the condition was still false after {timeout_s:g} s"
        time.sleep(0.02)
