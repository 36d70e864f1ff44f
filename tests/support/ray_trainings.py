"""Runs two trainings side by side on a Ray cluster of two nodes with one processor each, one of which is lost.

    python -m tests.support.ray_trainings worker|node RUNS ARGUMENTS

kills the process that trains the last of the two runs, or the node that it is on, as soon as each of the folders that
the glob RUNS matches has a checkpoint. ARGUMENTS are those of `python -m training`. The exit code is the training's.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from ray.cluster_utils import Cluster

from training.__main__ import main
from training.run.run_folder import has_checkpoint

RUNS = 2
TASK = b"ray::_run_task"  # the name that Ray gives to the process of a task


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
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(RUNS):
        cluster.add_node(num_cpus=1)
    killer = threading.Thread(target=kill_one, args=(sys.argv[1], sys.argv[2]), daemon=True)
    killer.start()
    code = main([*sys.argv[3:], "--ray", cluster.address])
    assert not killer.is_alive(), "no process was killed"
    cluster.shutdown()
    sys.exit(code)
