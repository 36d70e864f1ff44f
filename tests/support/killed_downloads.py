"""Load a model of the Hub once for each line on standard input: ``python -m tests.support.killed_downloads REPO``.

Each load runs in a fork of this process, which has imported everything, so it starts at once and a test can end it with
SIGKILL. Prints two JSON lines for each load: the pid, then either the commit and the SHA-256 of all weights, or the
number of the signal that ended it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys

import torch
from huggingface_hub import constants

from model import CharLSTM


def main(repo: str) -> None:
    torch.set_num_threads(1)
    constants.DOWNLOAD_CHUNK_SIZE = 8 << 10  # small, so that a killed download leaves a part of a small file on disk
    for _ in sys.stdin:
        if (pid := os.fork()) == 0:
            try:
                lm = CharLSTM.from_pretrained(repo)
                print_json(commit=lm.commit, weights=digest(lm), notice=lm.notice)
            except Exception as error:  # noqa: BLE001  the test fails on any line with `failed`
                print_json(failed=f"{type(error).__name__}: {error}")
            os._exit(0)
        print_json(pid=pid)
        if os.WIFSIGNALED(status := os.waitpid(pid, 0)[1]):
            print_json(killed=os.WTERMSIG(status))


def digest(lm: CharLSTM) -> str:
    """Return the SHA-256 of all weights in hex."""
    found = hashlib.sha256()
    for weight in lm.network.state_dict().values():
        found.update(weight.numpy().tobytes())
    return found.hexdigest()


def print_json(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
