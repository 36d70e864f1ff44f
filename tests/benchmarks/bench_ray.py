"""Measures how long teachers train on one and on two nodes of a Ray cluster, with one processor each.

    python -m tests.benchmarks.bench_ray [--teachers 4] [--steps 1000] [--json FILE]

The nodes are processes of this machine, which needs two idle cores. The seconds are those of the whole run, with the
start of Ray and of each process. uv installs Ray beside the tests' environment.
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


def seconds(nodes: int, teachers: int, steps: int, folder: Path) -> float:
    """Returns how long a run takes whose teachers have as many steps each."""
    text = write_text(folder, WORDS)
    words = [text, "--preset=tiny", f"--teachers={teachers}", f"--steps={2 * steps}", "--set=evaluations=2"]
    words += ["--out", folder / "run"]
    command = with_ray(
        "requirements-ray.txt", ["-m", "tests.support.ray_trainings", str(nodes), "time", *map(str, words)]
    )
    done = subprocess.run(command, cwd=ROOT, env=ray_variables(), check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1])


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints and writes JSON."""
    parser = argparse.ArgumentParser(description="Teachers on one and on two nodes of Ray.")
    parser.add_argument("--teachers", type=int, default=4, help="default 4")
    parser.add_argument("--steps", type=int, default=1_000, help="of each run (default 1,000)")
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_ray.json")
    options = parser.parse_args(argv)
    found = {}
    for nodes in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            found[nodes] = seconds(nodes, options.teachers, options.steps, Path(folder))
        print(f"{nodes} {'node' if nodes == 1 else 'nodes'}: {found[nodes]:.1f} s", flush=True)
    print(f"two nodes take {found[2] / found[1]:.2f} of the time of one (aim 0.6)")
    write_json(options.json, {"machine": machine(), **vars(options), "json": None, "seconds": found})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
