"""Two hundred valid and invalid commits are pushed to a served model while programs request replies all the time.

No reply is cut or changed, the newest valid commit is served at the end, and nothing of the others is left.
"""

import os
import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from subprocess import Popen

from model import CharLSTM, CheckpointError, generate
from model.checkpoint.names import MODEL_FILES
from tests.local_hub import LocalHub
from tests.soak.test_fuzzed_checkpoints import damaged
from tests.support.app_process import begin, reply, resident_kb, started
from tests.support.app_server import eventually, random_model

COMMITS = 200
FIRST = 4  # after these commits all caches are filled, and only a leak grows
PROGRAMS = 4
NAME = "ada/novel"


@lru_cache(32)
def model_of(seed: int) -> CharLSTM:
    return random_model(seed, 48 + 16 * (seed % 4))


def run_program(number: int, url: str, valid: dict[str, int], ended: threading.Event) -> int:
    """Request replies until the end, and check every character; returns their number."""
    chance, served, order = random.Random(number), 0, -1
    while not ended.is_set():
        length, seed = chance.randrange(50, 400), chance.randrange(2**32)
        text, about = reply(url, length, seed)
        assert about["finish_reason"] == "length"
        assert text == generate(model_of(valid[about["commit"]]), "ROMEO:", length, temperature=0.8, seed=seed)
        assert list(valid).index(about["commit"]) >= order, "an older commit is served again"
        order, served = list(valid).index(about["commit"]), served + 1
    return served


def test_two_hundred_pushes_cut_no_reply_and_leave_nothing_behind(hub: LocalHub, tmp_path: Path) -> None:
    repo, folder, chance = hub.add_repo(NAME), tmp_path / "model", random.Random(5)
    valid: dict[str, int] = {}  # commits with the seed of their models, the oldest first
    measured: list[dict[str, int]] = []

    def files() -> dict[str, bytes]:
        return {name: (folder / name).read_bytes() for name in MODEL_FILES}

    def push(*, is_valid: bool) -> None:
        model_of(len(valid)).save_pretrained(folder)
        good, is_damaged = files(), is_valid
        while not is_damaged:
            damaged(chance, good, folder)
            try:
                CharLSTM.from_pretrained(folder)
            except CheckpointError:
                is_damaged = True
        commit = hub.commit(repo, files())
        if is_valid:
            valid[commit] = len(valid)

    push(is_valid=True)
    first_commit, ended = next(iter(valid)), threading.Event()
    lines: list[str] = []
    with started("--model", NAME, RENEW_EVERY="0.2") as (process, url), ThreadPoolExecutor() as threads:
        threads.submit(lambda: lines.extend(process.stdout or ()))
        begin(url, 1)  # the first commit is served
        programs = [threads.submit(run_program, number, url, valid, ended) for number in range(PROGRAMS)]
        try:
            for number in range(1, COMMITS + 1):
                push(is_valid=number in (FIRST, COMMITS) or chance.random() > 0.4)
                time.sleep(chance.uniform(0, 1.5))
                if number in (FIRST, COMMITS):
                    eventually(lambda: reply(url, 1, 0)[1]["commit"] == list(valid)[-1], 120)
                    time.sleep(6)  # replies on the previous commit end
                    measured.append(resources(process))
        finally:
            ended.set()
        assert sum(program.result() for program in programs) > COMMITS
        process.terminate()
        assert process.wait(60) == 143
    output = "".join(lines)
    assert output.count(f"serving {NAME}:") > COMMITS / 4
    assert len(set(re.findall("commit ([0-9a-f]{7}) is not served", output))) > COMMITS / 8
    assert "Traceback" not in output
    first, last = measured
    assert last["threads"] <= first["threads"] + 2  # of a pool, which grows when it is needed
    assert last["files"] <= first["files"] + 4
    # Two caches may fill after the first measurement: 16 MB of states, and Gradio's sessions, 100 of 25 kB.
    assert last["resident_kb"] < first["resident_kb"] + 48_000
    (cache,) = Path(os.environ["HF_HUB_CACHE"]).glob("models--*")
    assert {path.name for path in (cache / "snapshots").iterdir()} == {first_commit, list(valid)[-1]}
    assert len(list((cache / "blobs").iterdir())) <= 2 * len(MODEL_FILES)


def resources(process: Popen[str]) -> dict[str, int]:
    threads, files = (len(list(Path(f"/proc/{process.pid}/{name}").iterdir())) for name in ("task", "fd"))
    return {"resident_kb": resident_kb(process.pid), "threads": threads, "files": files}
