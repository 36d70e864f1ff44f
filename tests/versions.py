"""Run the unit tests under other versions of Python than the one that runs this program.

    python -m tests.versions [--lowest | VERSION ...]

By default every version that pyproject.toml promises and that is installed here. Each gets a virtual environment
in ``build/``, with the newest packages that the requirements allow. uv installs them, from its cache the next time.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
REQUIREMENTS = ("requirements.txt", "training/requirements.txt", "requirements-dev.txt")
UV = (sys.executable, "-m", "uv", "--no-progress")


def main() -> int:
    """Test under each version; returns the exit code: 0 when the tests passed under all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.versions", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=f"one of {', '.join(VERSIONS)} (default: all)")
    parser.add_argument("--lowest", action="store_true", help="only the lowest version that is installed here")
    options = parser.parse_args()
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = {version: find(version) for version in options.versions or VERSIONS if version != running}
    missing = [version for version, path in found.items() if path is None]
    installed = {version: path for version, path in found.items() if path is not None}
    if missing:
        print(f"Python {', '.join(missing)}: not installed here", file=sys.stderr)
    if not installed or (options.versions and missing):
        print("error: install another Python, for example with `uv python install 3.10`", file=sys.stderr)
        return 2
    tested = dict(list(installed.items())[: 1 if options.lowest else None])
    codes = [test(version, path) for version, path in tested.items()]
    return max(codes)


def find(version: str) -> Path | None:
    """Return the interpreter of a version: any that uv finds, or pyenv's."""
    # uv stops at pyenv's shims of versions that are not chosen, so pyenv's own folder comes first.
    folder = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for path in sorted(folder.glob(f"{version}.*/bin/python")):
        if re.fullmatch(rf"{re.escape(version)}\.\d+", path.parents[1].name):
            return path
    found = subprocess.run(
        [*UV, "python", "find", "--no-python-downloads", "--no-project", "--system", version],
        capture_output=True,
        text=True,
    )
    return Path(found.stdout.strip()) if found.returncode == 0 else None


def test(version: str, interpreter: Path) -> int:
    """Make the environment of a version, and run the unit tests in it; returns pytest's exit code."""
    environment = ROOT / "build" / f"python-{version}"
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    print(f"Python {version}: installing into {environment.relative_to(ROOT)} ...", flush=True)
    subprocess.run([*UV, "--quiet", "venv", "--allow-existing", "--python", interpreter, environment], check=True)
    requirements = [word for name in REQUIREMENTS for word in ("--requirement", name)]
    subprocess.run([*UV, "--quiet", "pip", "install", "--python", python, *requirements], check=True, cwd=ROOT)
    print(f"Python {version}: running the unit tests ...", flush=True)
    pytest = [str(python), "-m", "pytest", "--numprocesses", "2", "--dist", "loadfile", "--quiet", "tests/unit"]
    return subprocess.run(pytest, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
