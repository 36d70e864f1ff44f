"""Two hundred valid and invalid commits are pushed to a served model while replies are written all the time.

No reply is cut or changed, the newest valid commit is served at the end, and nothing of the others is left.
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
from tests.local_hub import LocalHub, Repo
from tests.soak.test_fuzzed_checkpoints import damaged
from tests.support.app_process import begin, started
from tests.support.app_server import random_model
from tests.support.page_client import LIMITS, TIMEOUT_S, Visitor

COMMITS = 200
FIRST = 40  # after these commits all caches are filled, and only a leak grows
VISITORS, PROGRAMS = 6, 2
NAME = "ada/novel"
PROMPT = "ROMEO:"

Files = dict[str, bytes]


@dataclass
class Pushed:
    """The commits that were pushed to the Hub.

    Attributes:
        valid: the commits that can be served, the oldest first, each with the seed of its model.
        invalid: the commits that cannot be served.
    """

    hub: LocalHub
    repo: Repo
    folder: Path
    chance: random.Random
    valid: dict[str, int] = field(default_factory=dict)
    invalid: list[str] = field(default_factory=list)

    def push_valid(self) -> str:
        """Push a new model; returns its commit."""
        seed = len(self.valid)
        _model(seed).save_pretrained(self.folder)
        commit = self.hub.commit(self.repo, self._files())
        self.valid[commit] = seed
        return commit

    def push_invalid(self) -> None:
        """Push a model that is damaged in one of many ways, or lacks a file."""
        good = self._files()
        if self.chance.random() < 0.1:
            head = self.repo.commit("main")
            listing = {name: blob for name, blob in head.files.items() if name != self.chance.choice(MODEL_FILES)}
            made = self.hub.store.add_commit(self.repo, "main", "a slip", "", "ada", listing, head.oid)
            self.invalid.append(made.oid)
            return
        while True:
            damaged(self.chance, good, self.folder)
            try:
                CharLSTM.from_pretrained(self.folder)
            except CheckpointError:
                break
        self.invalid.append(self.hub.commit(self.repo, self._files()))

    def _files(self) -> Files:
        return {name: (self.folder / name).read_bytes() for name in MODEL_FILES}


@lru_cache(32)
def _model(seed: int) -> CharLSTM:
    return random_model(seed, 48 + 16 * (seed % 4))


class Clients:
    """Clients that request replies all the time, and check every character.

    Attributes:
        served: the number of replies by commit.
    """

    def __init__(self, url: str, pushed: Pushed, http: httpx.AsyncClient) -> None:
        self.url, self.pushed, self.http = url, pushed, http
        self.served: Counter[str] = Counter()
        self.ended = False

    async def program(self, number: int) -> None:
        """Request replies from the API, which returns their commit."""
        chance, order = random.Random(number), -1
        while not self.ended:
            length, seed = chance.randrange(50, 400), chance.randrange(2**32)
            text, about = await self.call(length, seed)
            assert about["finish_reason"] == "length"
            assert text == self._text(about["commit"], length, seed)
            assert list(self.pushed.valid).index(about["commit"]) >= order, "an older commit is served again"
            order = list(self.pushed.valid).index(about["commit"])
            self.served[about["commit"]] += 1

    async def visitor(self, number: int) -> None:
        """Request replies as a page does, at a limited speed, so that most run when another commit is served."""
        chance = random.Random(100 + number)
        while not self.ended:
            visitor = Visitor(self.http, self.url)
            length, seed = chance.randrange(20, 200), chance.randrange(2**32)
            earliest = (await self.call(1, 0))[1]["commit"]
            reply = await visitor.send(PROMPT, length=length, speed=chance.choice([60, 100]), seed=seed)
            assert (reply.ending["end"], reply.ending["error"]) == ("length", None)
            good = list(self.pushed.valid)
            writers = [each for each in good[good.index(earliest) :] if reply.text == self._text(each, length, seed)]
            assert writers == [visitor.model["commit"]], "the reply is incomplete, or of another commit than requested"
            self.served[writers[0]] += 1

    async def call(self, length: int, seed: int) -> tuple[str, dict[str, Any]]:
        call = f"{self.url}gradio_api/call/generate"
        posted = await self.http.post(call, json={"data": [PROMPT, length, 0.8, 0, 1, seed]})
        answer = (await self.http.get(f"{call}/{posted.json()['event_id']}")).text
        last = httpx.Response(200, text=answer.rstrip().rpartition("data: ")[2]).json()
        assert "event: complete" in answer, answer[-500:]
        return last[0], last[1]

    def _text(self, commit: str, length: int, seed: int) -> str:
        return generate(_model(self.pushed.valid[commit]), PROMPT, length, temperature=0.8, seed=seed)


async def push_all(pushed: Pushed, clients: Clients, measure: Callable[[], None]) -> None:
    """Push all commits; measures the app after the first ones and after all."""
    for number in range(1, COMMITS + 1):
        if pushed.chance.random() < 0.4 and number not in (FIRST, COMMITS):
            await asyncio.to_thread(pushed.push_invalid)
        else:
            await asyncio.to_thread(pushed.push_valid)
        await asyncio.sleep(pushed.chance.uniform(0, 1.5))
        if number in (FIRST, COMMITS):
            newest, end = list(pushed.valid)[-1], time.monotonic() + 120
            while (await clients.call(1, 0))[1]["commit"] != newest:
                assert time.monotonic() < end, "the newest valid commit is not served"
                await asyncio.sleep(0.2)
            await asyncio.sleep(6)  # replies on the previous commit end
            measure()
    clients.ended = True


async def run_clients(url: str, pushed: Pushed, measure: Callable[[], None]) -> Counter[str]:
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        clients = Clients(url, pushed, http)
        await asyncio.gather(
            push_all(pushed, clients, measure),
            *(clients.program(number) for number in range(PROGRAMS)),
            *(clients.visitor(number) for number in range(VISITORS)),
        )
    return clients.served


def test_two_hundred_pushes_cut_no_reply_and_leave_nothing_behind(hub: LocalHub, tmp_path: Path) -> None:
    pushed = Pushed(hub, hub.add_repo(NAME), tmp_path / "model", random.Random(5))
    first_commit = pushed.push_valid()
    measurements: list[dict[str, int]] = []
    with started("--model", NAME, RENEW_EVERY="0.2") as (process, url):
        lines: list[str] = []
        reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
        reader.start()
        begin(url, 1)  # the first commit is served
        served = asyncio.run(run_clients(url, pushed, lambda: measurements.append(_resources(process))))
        process.terminate()
        assert process.wait(60) == 143
        reader.join()
    output = "\n".join(lines)
    swaps = output.count(f"serving {NAME}:")
    refused = len(set(re.findall("commit ([0-9a-f]{7}) is not served", output)))
    first, last = measurements
    print(
        f"{len(pushed.valid)} valid and {len(pushed.invalid)} invalid commits; {swaps} were served, {refused} refused; "
        f"{sum(served.values()):,} replies by {len(served)} of them; after {FIRST}: {first}; after {COMMITS}: {last}"
    )
    assert swaps > COMMITS / 4
    assert refused > COMMITS / 8
    assert len(served) > COMMITS / 8
    assert "Traceback" not in output
    assert last["threads"] <= first["threads"] + 2  # of a pool, which grows when it is needed
    assert last["files"] <= first["files"] + 4
    # Two caches may fill after the first measurement: 16 MB of states, and Gradio's sessions, 100 of 25 kB.
    assert last["resident_kb"] < first["resident_kb"] + 48_000
    newest = list(pushed.valid)[-1]
    (cache,) = Path(os.environ["HF_HUB_CACHE"]).glob("models--*")
    assert {path.name for path in (cache / "snapshots").iterdir()} == {first_commit, newest}
    assert len(list((cache / "blobs").iterdir())) <= 2 * len(MODEL_FILES)


def _resources(process: Popen[str]) -> dict[str, int]:
    """Return the memory, threads and open files of the app."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    facts = {name: int(re.findall(rf"{name}:\s+(\d+)", status)[0]) for name in ("VmRSS", "Threads")}
    files = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
    return {"resident_kb": facts["VmRSS"], "threads": facts["Threads"], "files": files}


def _read(process: Popen[str], lines: list[str]) -> None:
    assert process.stdout
    for line in process.stdout:
        lines.append(line.rstrip())
