"""Print how many lines the product and its tests have, beside their aims: ``python -m tests.count_lines``."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
AIMS = {"product": 18_900, "tests": 21_000}
PRODUCT = {".py", ".js", ".css", ".html", ".wat", ".c"}
TESTS = {".py", ".js"}
NEITHER = ("docs/", "web/vendor/")  # documentation, bundles of libraries


def main() -> None:
    """Print a line for the product and one for the tests."""
    counts = dict.fromkeys(AIMS, 0)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.rstrip("\0").split("\0"):
        path = ROOT / name
        part, endings = ("tests", TESTS) if name.startswith("tests/") else ("product", PRODUCT)
        if path.suffix in endings and not name.startswith(NEITHER) and path.is_file():
            counts[part] += len(path.read_text(encoding="utf-8").splitlines())
    for part, count in counts.items():
        print(f"{part}: {count:,} lines (aim: at most {AIMS[part]:,})")


if __name__ == "__main__":
    main()
