"""Checks that this version can be released, builds it and makes its tag: `make release`.

    python -m tests.release [--build] [--tag NAME]

Without options: the checks, `make lint`, `make test`, the build, the tag. Nothing is sent anywhere; the last line says
what to push. With --build, as in the workflow that publishes a tag: the checks and the build.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from model import __version__

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"


def main() -> int:
    """Returns the exit code: 0 if the release was built, 1 if something is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--build", action="store_true", help="check and build, without tests and a new tag")
    parser.add_argument("--tag", default=f"v{__version__}", help="the tag, which must be that of the version")
    options = parser.parse_args()
    if missing := list(_missing(options.tag, is_new=not options.build)):
        print("\n".join(f"error: {line}" for line in missing), file=sys.stderr)
        return 1
    if not options.build:
        for target in ("lint", "test"):
            subprocess.run(["make", target], cwd=ROOT, check=True)
    shutil.rmtree(DIST, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "uv", "build", "--quiet", "--out-dir", DIST], cwd=ROOT, check=True)
    for path in sorted(DIST.glob("char_lstm*")):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1e6:.1f} MB")
    if not options.build:
        subprocess.run(["git", "tag", "--annotate", options.tag, "--message", _notes()], cwd=ROOT, check=True)
        print(f"Tagged. To publish it: git push origin {options.tag}")
    return 0


def _missing(tag: str, *, is_new: bool) -> Iterator[str]:
    """Yields what this version lacks, one line each; for a new tag also what must change in the repository before."""
    if tag != f"v{__version__}":
        yield f"the tag {tag} is not v{__version__}, the version in model/__init__.py"
    if not re.search(rf"^## {re.escape(__version__)} \(\d{{4}}-\d\d-\d\d\)$", _changelog(), re.MULTILINE):
        yield f'CHANGELOG.md has no heading "## {__version__} (YEAR-MONTH-DAY)"'
    if not (ROOT / "tests/releases" / __version__).is_dir():
        yield f"tests/releases has no folder {__version__}"
    if is_new and _git("status", "--porcelain"):
        yield "there are changes that are not committed: see git status"
    if is_new and _git("tag", "--list", tag):
        yield f"the tag {tag} exists: set the next version in model/__init__.py"


def _notes() -> str:
    """Returns what CHANGELOG.md says about this version; # would begin a comment in the message of a tag."""
    section = _changelog().split(f"\n## {__version__} (", 1)[1].split("\n", 1)[1].split("\n## ", 1)[0]
    return f"char-lstm {__version__}\n\n{section.strip()}"


def _changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
