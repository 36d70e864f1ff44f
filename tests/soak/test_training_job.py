"""A training job on the Hub: killed, resumed, and terminated with a few seconds' notice."""

import re
import shutil
import signal
import time
from pathlib import Path

from safetensors.torch import load

from tests.integration.training.hub.test_job import SCRIPT, copy_volumes
from tests.local_hub import LocalHub
from tests.support.platforms import posix_only
from tests.support.tiny_runs import SIZES, write_text
from tests.support.training_processes import Program

RUN = ("text.txt", *SIZES, "--steps=100000", "--set=evaluations=20", "--push-to=plays")


class Job(Program):
    """The script on a machine that has only the script and its volumes."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        shutil.copy(SCRIPT, cwd / "job.py")
        super().__init__("job.py", *arguments, cwd=cwd, CODE=str(copy_volumes(cwd)), PYTHONPATH="")


@posix_only
def test_a_restarted_job_resumes(hub: LocalHub, token: str, tmp_path: Path) -> None:
    write_text(tmp_path)
    with Job(*RUN, cwd=tmp_path) as first:
        first.until("Will start a run and push it to ada/plays, with the code in .*/code:")
        first.until("pushed step-.* to ada/plays@training")
        first.send(signal.SIGKILL)
        first.end()
    shutil.rmtree(tmp_path / "runs")
    with Job(*RUN, cwd=tmp_path) as second:
        second.until("Will resume the run in ada/plays")
        second.until(r"Resuming after step [1-9][\d,]* of 100,000")
        time.sleep(0.5)
        second.send(signal.SIGTERM)
        assert second.end() == 143, second.output
    found = re.findall(r"(?:Resuming|Stopped) after step ([\d,]+)", second.output)
    resumed, done = (int(step.replace(",", "")) for step in found)
    state = load(hub.read("ada/plays", "training_state/state.safetensors", "training"))
    assert int(state["steps_done"]) == done > resumed
    assert token not in first.output + second.output
