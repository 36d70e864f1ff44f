"""A machine of the Hub's that is taken away: once with no time for a word, once with a few seconds."""

from __future__ import annotations

import re
import shutil
import signal
import time
from pathlib import Path

from safetensors.torch import load

from tests.job import Job
from tests.local_hub import LocalHub
from tests.tiny_runs import SIZES, write_text

RUN = ("text.txt", *SIZES, "--steps=100000", "--evaluations=20", "--push-to=plays")


def test_killed_and_started_again_it_goes_on(hub: LocalHub, token: str, tmp_path: Path) -> None:
    write_text(tmp_path)
    with Job(*RUN, cwd=tmp_path) as first:
        first.until("Will begin a run and push it to ada/plays, with the code in .*/code:")
        first.until("pushed step-.* to ada/plays@training")
        first.send(signal.SIGKILL)
        first.end()
    shutil.rmtree(tmp_path / "runs")
    with Job(*RUN, cwd=tmp_path) as second:
        second.until("Will go on with the run in ada/plays")
        second.until(r"Going on from step [1-9][\d,]* of 100,000")
        time.sleep(0.5)
        second.send(signal.SIGTERM)
        assert second.end() == 143, second.said
    gone_on, done = (int(step.replace(",", "")) for step in re.findall(r"(?:from|at) step ([\d,]+)", second.said))
    state = load(hub.read("ada/plays", "training_state/state.safetensors", "training"))
    assert int(state["steps_done"]) == done > gone_on
    assert token not in first.said + second.said
