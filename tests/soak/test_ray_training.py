"""Teachers on two nodes of a Ray cluster: one is lost, and the run ends with the bits of an undisturbed one.

`python -m tests.soak.test_ray_training worker|node RUNS ARGUMENTS` trains on a cluster of this machine, whose nodes
have one processor each. As soon as each of the folders that the glob RUNS matches has a checkpoint, it kills the
process that trains the last of two runs, or the node that it is on. ARGUMENTS are those of `python -m training`, whose
exit code it has.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from model.checkpoint.names import checkpoints_of
from tests.support.platforms import posix_only
from tests.support.ray_programs import ray_pids, with_ray
from tests.support.tiny_runs import SIZES, be_quick, outcome, write_text
from tests.support.training_processes import train
from training.__main__ import main

TEACHERS = 2


@posix_only
@pytest.mark.parametrize("lost", ["worker", "node"])
def test_teachers_continue_on_another_node_with_the_same_bits(lost: str, tmp_path: Path) -> None:
    out, log = tmp_path / "run", tmp_path / "ray.log"
    sizes = (*SIZES, "--steps=8000", "--set=evaluations=16,bfloat16=false")
    arguments = (write_text(tmp_path), f"--teachers={TEACHERS}", *sizes)
    words = ("-m", __name__, lost, out / "teachers" / "[0-9]", *arguments, "--out", out)
    code = with_ray("requirements-ray.txt", *words, log=log).wait(1200)
    shown = log.read_text(errors="replace")
    assert code == 0, shown[-4000:]
    assert f"killed the {lost}" in shown
    assert f"Training {TEACHERS} teachers, side by side" in shown
    plain = train(*arguments, f"--out={tmp_path}/plain", cwd=tmp_path)
    assert plain.end() == 0
    assert outcome(out) == outcome(tmp_path / "plain")


def kill_one(kind: str, runs: str) -> None:
    """Waits until both runs have a checkpoint, and kills a worker, and its raylet if a node is to be lost."""
    while sum(bool(checkpoints_of(run)) for run in Path("/").glob(runs.lstrip("/"))) < TEACHERS:
        time.sleep(0.05)
    pids = ray_pids("_train")
    assert len(pids) == TEACHERS, pids
    worker = pids[-1]
    if kind == "node":  # a worker may live on for the rest of its task when its raylet is lost alone
        os.kill(int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    print(f"killed the {kind}", file=sys.stderr, flush=True)


def train_on_cluster(kind: str, runs: str, *arguments: str) -> int:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(TEACHERS):
        cluster.add_node(num_cpus=1)
    killer = threading.Thread(target=kill_one, args=(kind, runs), daemon=True)
    killer.start()
    be_quick()  # as the run to which it is compared
    code = main([*arguments, "--ray", cluster.address])
    assert not killer.is_alive(), "no process was killed"
    cluster.shutdown()
    return code


if __name__ == "__main__":
    sys.exit(train_on_cluster(*sys.argv[1:]))
