"""Measures how long a sweep takes on one and on two nodes of a Ray cluster, with one processor each.

    python -m tests.benchmarks.bench_ray [--runs 4] [--steps 1000] [--json FILE]

The nodes are processes of this machine, which needs two idle cores. The seconds are those of the sweep: Ray's start is
not among them, the start of each run's process is. uv installs Ray beside the tests' environment.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.report import machine, write_json
from tests.support.ray_environment import ROOT, ray_variables, with_ray
from tests.support.tiny_runs import write_text

WORDS = 40_000  # of the text


def seconds(nodes: int, runs: int, steps: int, folder: Path) -> float:
    """Returns how long a sweep over as many seeds takes."""
    text = write_text(folder, WORDS)
    over = f"--over=seed={','.join(map(str, range(1, runs + 1)))}"
    words = ["sweep", text, over, "--preset=tiny", f"--steps={steps}", "--evaluations=2", f"--out={folder / 'sweep'}"]
    command = with_ray(
        "requirements-ray.txt", ["-m", "tests.support.ray_trainings", str(nodes), "time", *map(str, words)]
    )
    done = subprocess.run(command, cwd=ROOT, env=ray_variables(), check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1])


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints and writes JSON."""
    parser = argparse.ArgumentParser(description="A sweep on one and on two nodes of Ray.")
    parser.add_argument("--runs", type=int, default=4, help="runs of the sweep (default 4)")
    parser.add_argument("--steps", type=int, default=1_000, help="of each run (default 1,000)")
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_ray.json")
    options = parser.parse_args(argv)
    found = {}
    for nodes in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            found[nodes] = seconds(nodes, options.runs, options.steps, Path(folder))
        print(f"{nodes} {'node' if nodes == 1 else 'nodes'}: {found[nodes]:.1f} s", flush=True)
    print(f"two nodes take {found[2] / found[1]:.2f} of the time of one (aim 0.6)")
    write_json(options.json, {"machine": machine(), "runs": options.runs, "steps": options.steps, "seconds": found})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
