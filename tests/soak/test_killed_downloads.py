"""A process killed during a download and started again loads the files of one commit."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model import CharLSTM, CharTokenizer
from model.checkpoint.names import MODEL_FILES, WEIGHTS
from tests.local_hub import LocalHub
from tests.support.app_server import eventually
from tests.support.killed_downloads import digest
from tests.support.platforms import posix_only
from tests.support.tiny_models import ALPHABET, tiny_network
from tests.support.tiny_runs import environment

KILLS = 50
PIECE = 8 << 10  # bytes on disk after half of the smallest weights; see tests.support.killed_downloads


@pytest.fixture
def loads(hub: LocalHub, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "tests.support.killed_downloads", "ada/plays"]
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def start_download(loads: subprocess.Popen[str]) -> int:
    assert loads.stdin
    loads.stdin.write("\n")
    loads.stdin.flush()
    return int(received(loads)["pid"])


def received(loads: subprocess.Popen[str]) -> dict[str, Any]:
    assert loads.stdout
    return dict(json.loads(loads.stdout.readline()))


def push_another_model(hub: LocalHub, chance: random.Random, folder: Path) -> tuple[str, str]:
    """Push a model of other sizes than the last; returns its commit and the SHA-256 of its weights."""
    hidden = chance.randrange(48, 80)
    alphabet = "".join(chance.sample(ALPHABET, chance.randrange(5, 40)))
    tokenizer = CharTokenizer.from_text(alphabet)
    network = tiny_network(len(tokenizer), hidden=hidden, layers=1, seed=chance.randrange(2**31))
    lm = CharLSTM(network, tokenizer)
    lm.save_pretrained(folder)
    files = {name: (folder / name).read_bytes() for name in MODEL_FILES}
    return hub.commit(hub.repos["ada/plays"], files), digest(lm)


@posix_only
def test_a_process_killed_during_a_download_starts_again_with_one_commit(
    hub: LocalHub, tmp_path: Path, loads: subprocess.Popen[str]
) -> None:
    hub.add_repo("ada/plays")
    chance = random.Random(6)
    cache = Path(os.environ["HF_HUB_CACHE"])
    halves = 0
    for _ in range(KILLS):
        commit, weights = push_another_model(hub, chance, tmp_path / "model")
        half = chance.random() < 0.6
        name, kind = (
            (WEIGHTS, "hang-body") if half else (chance.choice(MODEL_FILES), chance.choice(["hang", "hang-body"]))
        )
        fault = hub.fail(f"GET .*/{name}", kind)
        pid = start_download(loads)
        eventually(lambda fault=fault: fault.hits)  # type: ignore[misc]
        if half:
            eventually(lambda: any(path.stat().st_size >= PIECE for path in cache.rglob("*.incomplete")))
            halves += 1
        time.sleep(chance.uniform(0, 0.05))
        os.kill(pid, signal.SIGKILL)
        assert received(loads) == {"killed": signal.SIGKILL}
        fault.lift()
        if chance.random() < 0.5:  # a commit is pushed during the download
            commit, weights = push_another_model(hub, chance, tmp_path / "model")
        start_download(loads)
        assert received(loads) == {"commit": commit, "weights": weights, "notice": ""}
        (folder,) = cache.glob(f"models--ada--plays/snapshots/{commit}")
        for each in MODEL_FILES:
            assert (folder / each).read_bytes() == hub.read("ada/plays", each, commit)
    print(f"{KILLS} kills, {halves} of them with a part of the weights on disk")
    assert halves > KILLS / 3
