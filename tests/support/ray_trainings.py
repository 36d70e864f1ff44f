"""Runs trainings side by side on a Ray cluster of this machine, whose nodes have one processor each.

    python -m tests.support.ray_trainings NODES lose worker|node RUNS ARGUMENTS
    python -m tests.support.ray_trainings NODES time ARGUMENTS

`lose` kills the process that trains the last of two runs, or the node that it is on, as soon as each of the folders
that the glob RUNS matches has a checkpoint. `time` prints the seconds that the training took, as the last line of the
output. ARGUMENTS are those of `python -m training`. The exit code is the training's.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from ray.cluster_utils import Cluster

from tests.support.tiny_runs import be_quick
from training.__main__ import main
from training.run.run_folder import has_checkpoint

RUNS = 2
TASK = b"ray::_train"  # the name that Ray gives to the process of a task


def kill_one(kind: str, runs: str) -> None:
    """Waits until both runs have a checkpoint, and kills a worker, and its raylet if a node is to be lost."""
    while sum(has_checkpoint(run) for run in Path("/").glob(runs.lstrip("/"))) < RUNS:
        time.sleep(0.05)
    pids = [
        int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if path.read_bytes().startswith(TASK)
    ]
    assert len(pids) == RUNS, pids
    worker = max(pids)
    if kind == "node":  # a worker may live on for the rest of its task when its raylet is lost alone
        os.kill(int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    print(f"killed the {kind}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    nodes, task, *words = sys.argv[1:]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(int(nodes)):
        cluster.add_node(num_cpus=1)
    killer = None
    if task == "lose":
        kind, runs, *words = words
        killer = threading.Thread(target=kill_one, args=(kind, runs), daemon=True)
        killer.start()
    be_quick()  # as the run to which it is compared
    began = time.monotonic()
    code = main([*words, "--ray", cluster.address])
    seconds = time.monotonic() - began
    assert killer is None or not killer.is_alive(), "no process was killed"
    cluster.shutdown()
    print(f"{seconds:.1f}", flush=True)
    sys.exit(code)
