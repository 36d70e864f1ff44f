"""Downloads a package with the client of its registry and unpacks it; nothing in the package is installed or run."""

from __future__ import annotations

import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import RunError
from ..os_calls import run_program

_CLIENTS = {  # what downloads a package into the working folder
    "debian": ("apt-get", "download"),
    "pypi": (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
    "npm": ("npm", "pack", "--silent"),
}


def unpack(package: str, folder: Path) -> Path:
    """Downloads a package into a folder and returns the folder of its files.

    Args:
        package: REGISTRY:NAME, of `debian`, `pypi` or `npm`; `python` is the standard library of this Python, which is
            not downloaded.
        folder: an empty folder.

    Raises:
        RunError: the client is not installed, the package does not exist, or the registry cannot be reached.
    """
    registry, _, name = package.partition(":")
    if registry == "python":
        return Path(sysconfig.get_path("stdlib"))
    _run([*_CLIENTS[registry], name], folder, package)
    archive = next(path for path in folder.iterdir() if path.suffix in (".deb", ".whl", ".tgz"))
    files = folder / "files"
    if archive.suffix == ".deb":
        _run(["dpkg-deb", "--extract", str(archive), str(files)], folder, package)
    elif archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(files)  # noqa: S202  zipfile drops "..", so nothing leaves the folder
    else:
        with tarfile.open(archive) as opened:
            opened.extractall(files, filter="data")
    return files


def _run(words: Sequence[str], folder: Path, package: str) -> None:
    try:
        run_program(words, cwd=folder)
    except OSError as error:
        raise RunError(f"{package} cannot be fetched with {words[0]}: {error}") from None
