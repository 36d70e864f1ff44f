"""Loads a model of the Hub once for each line on standard input: ``python -m tests.support.killed_downloads REPO``.

Each load is a fork of this one process, which has imported everything: so it begins at once, and its end can be a real
SIGKILL. Prints a JSON line with its pid, and one with what it came to: commit, and the SHA-256 of all weights; or the
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
    constants.DOWNLOAD_CHUNK_SIZE = 8 << 10  # so that a part even of a small file comes to be on disk
    for _ in sys.stdin:
        if (pid := os.fork()) == 0:
            try:
                lm = CharLSTM.from_pretrained(repo)
                say(commit=lm.commit, weights=digest(lm), notice=lm.notice)
            except Exception as error:  # noqa: BLE001  the test is to hear of whatever it is
                say(failed=f"{type(error).__name__}: {error}")
            os._exit(0)
        say(pid=pid)
        if os.WIFSIGNALED(status := os.waitpid(pid, 0)[1]):
            say(killed=os.WTERMSIG(status))


def digest(lm: CharLSTM) -> str:
    """Of all weights; config and vocabulary decide their shapes."""
    found = hashlib.sha256()
    for weight in lm.network.state_dict().values():
        found.update(weight.numpy().tobytes())
    return found.hexdigest()


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
