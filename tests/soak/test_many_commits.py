"""Two hundred commits, good and bad ones, land on a model that is served while replies are always under way.

No reply is cut or changed; what is served in the end is the newest good one; nothing is left of those before.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx

from model import CharLSTM, CheckpointError, generate
from model.checkpoint.names import MODEL_FILES
from tests.integration.ui.test_app_process import begin, started
from tests.local_hub import LocalHub, Repo
from tests.soak.test_fuzzed_checkpoints import damaged
from tests.support.app_server import random_model
from tests.support.page_client import LIMITS, TIMEOUT_S, Visitor

COMMITS = 200
FIRST = 40  # after these everything there can be has been, and only a leak grows
VISITORS, PROGRAMS = 6, 2
NAME = "ada/novel"
PROMPT = "ROMEO:"

Files = dict[str, bytes]


@dataclass
class Pushed:
    """What is on the Hub.

    Attributes:
        good: the commits that can be served, the oldest first, each with the seed of its model.
        bad: those that cannot be.
    """

    hub: LocalHub
    repo: Repo
    folder: Path
    chance: random.Random
    good: dict[str, int] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)

    def another(self) -> str:
        """Pushes a model that there has not been yet."""
        seed = len(self.good)
        _model(seed).save_pretrained(self.folder)
        commit = self.hub.commit(self.repo, self._files())
        self.good[commit] = seed
        return commit

    def something_else(self) -> None:
        """Pushes what is damaged in one of many ways, or lacks a file."""
        good = self._files()
        if self.chance.random() < 0.1:
            head = self.repo.commit("main")
            listing = {name: blob for name, blob in head.files.items() if name != self.chance.choice(MODEL_FILES)}
            made = self.hub.store.add_commit(self.repo, "main", "a slip", "", "ada", listing, head.oid)
            self.bad.append(made.oid)
            return
        while True:
            damaged(self.chance, good, self.folder)
            try:
                CharLSTM.from_pretrained(self.folder)
            except CheckpointError:
                break
        self.bad.append(self.hub.commit(self.repo, self._files()))

    def _files(self) -> Files:
        return {name: (self.folder / name).read_bytes() for name in MODEL_FILES}


@lru_cache(32)
def _model(seed: int) -> CharLSTM:
    return random_model(seed, 48 + 16 * (seed % 4))


class Readers:
    """Who always has something written, and checks every character of it.

    Attributes:
        served: by which commit how many replies were written.
    """

    def __init__(self, url: str, pushed: Pushed, http: httpx.AsyncClient) -> None:
        self.url, self.pushed, self.http = url, pushed, http
        self.served: Counter[str] = Counter()
        self.ended = False

    async def program(self, number: int) -> None:
        """By the API, which says the commit of a reply."""
        chance, order = random.Random(number), -1
        while not self.ended:
            length, seed = chance.randrange(50, 400), chance.randrange(2**32)
            text, about = await self.ask(length, seed)
            assert about["finish_reason"] == "length"
            assert text == self._text(about["commit"], length, seed)
            assert list(self.pushed.good).index(about["commit"]) >= order, "never an older one again"
            order = list(self.pushed.good).index(about["commit"])
            self.served[about["commit"]] += 1

    async def visitor(self, number: int) -> None:
        """By the page, at reading pace: so that most replies are under way when another commit is served."""
        chance = random.Random(100 + number)
        while not self.ended:
            visitor = Visitor(self.http, self.url)
            length, seed = chance.randrange(20, 200), chance.randrange(2**32)
            earliest = (await self.ask(1, 0))[1]["commit"]
            reply = await visitor.send(PROMPT, length=length, speed=chance.choice([60, 100]), seed=seed)
            assert (reply.ending["end"], reply.ending["error"]) == ("length", None)
            good = list(self.pushed.good)
            writers = [each for each in good[good.index(earliest) :] if reply.text == self._text(each, length, seed)]
            assert writers == [visitor.model["commit"]], "it is whole, and of the commit that the page has asked for"
            self.served[writers[0]] += 1

    async def ask(self, length: int, seed: int) -> tuple[str, dict[str, Any]]:
        call = f"{self.url}gradio_api/call/generate"
        asked = await self.http.post(call, json={"data": [PROMPT, length, 0.8, 0, 1, seed]})
        answer = (await self.http.get(f"{call}/{asked.json()['event_id']}")).text
        last = httpx.Response(200, text=answer.rstrip().rpartition("data: ")[2]).json()
        assert "event: complete" in answer, answer[-500:]
        return last[0], last[1]

    def _text(self, commit: str, length: int, seed: int) -> str:
        return generate(_model(self.pushed.good[commit]), PROMPT, length, temperature=0.8, seed=seed)


async def push_all(pushed: Pushed, readers: Readers, look: Callable[[], None]) -> None:
    """Pushes what there is to push, and looks at the app after some and after all of it."""
    for number in range(1, COMMITS + 1):
        if pushed.chance.random() < 0.4 and number not in (FIRST, COMMITS):
            await asyncio.to_thread(pushed.something_else)
        else:
            await asyncio.to_thread(pushed.another)
        await asyncio.sleep(pushed.chance.uniform(0, 1.5))
        if number in (FIRST, COMMITS):
            newest, end = list(pushed.good)[-1], time.monotonic() + 120
            while (await readers.ask(1, 0))[1]["commit"] != newest:
                assert time.monotonic() < end, "the newest good one is served"
                await asyncio.sleep(0.2)
            await asyncio.sleep(6)  # what was under way on the one before ends
            look()
    readers.ended = True


async def continue_reply(url: str, pushed: Pushed, look: Callable[[], None]) -> Counter[str]:
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        readers = Readers(url, pushed, http)
        await asyncio.gather(
            push_all(pushed, readers, look),
            *(readers.program(number) for number in range(PROGRAMS)),
            *(readers.visitor(number) for number in range(VISITORS)),
        )
    return readers.served


def test_whatever_is_pushed_nothing_is_cut_and_nothing_is_left(hub: LocalHub, tmp_path: Path) -> None:
    pushed = Pushed(hub, hub.add_repo(NAME), tmp_path / "model", random.Random(5))
    began = pushed.another()
    looks: list[dict[str, int]] = []
    with started("--model", NAME, RENEW_EVERY="0.2") as (process, url):
        lines: list[str] = []
        reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
        reader.start()
        begin(url, 1)  # the first commit is served
        served = asyncio.run(continue_reply(url, pushed, lambda: looks.append(_held(process))))
        process.terminate()
        assert process.wait(60) == 143
        reader.join()
    said = "\n".join(lines)
    swaps, refused = said.count(f"serving {NAME}:"), len(set(re.findall("commit ([0-9a-f]{7}) is not served", said)))
    first, last = looks
    print(
        f"{len(pushed.good)} good and {len(pushed.bad)} bad commits; {swaps} were served, {refused} refused; "
        f"{sum(served.values()):,} replies by {len(served)} of them; after {FIRST}: {first}; after {COMMITS}: {last}"
    )
    assert swaps > COMMITS / 4
    assert refused > COMMITS / 8
    assert len(served) > COMMITS / 8
    assert "Traceback" not in said
    assert last["threads"] <= first["threads"] + 2  # of a pool, which grows when it is needed
    assert last["files"] <= first["files"] + 4
    # Two caches may fill after the first look: 32 MB of states, and Gradio's sessions, 512 of 25 kB.
    assert last["resident_kb"] < first["resident_kb"] + 48_000
    newest = list(pushed.good)[-1]
    (cache,) = Path(os.environ["HF_HUB_CACHE"]).glob("models--*")
    assert {path.name for path in (cache / "snapshots").iterdir()} == {began, newest}
    assert len(list((cache / "blobs").iterdir())) <= 2 * len(MODEL_FILES)


def _held(process: Popen[str]) -> dict[str, int]:
    """What the app has of the machine."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    facts = {name: int(re.findall(rf"{name}:\s+(\d+)", status)[0]) for name in ("VmRSS", "Threads")}
    files = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
    return {"resident_kb": facts["VmRSS"], "threads": facts["Threads"], "files": files}


def _read(process: Popen[str], lines: list[str]) -> None:
    assert process.stdout
    for line in process.stdout:
        lines.append(line.rstrip())
