"""What a run notes about itself for config.json and the model card, for anyone to read.

So nothing here may hold a path of this machine, or a secret of an address.
"""

from __future__ import annotations

import platform
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import torch

from . import parallel
from .run_folder import absolute

LOOKED_AT = 2_000_000  # characters of a text in which its typical beginnings are looked for
_OFTEN = 5
# A name of some words before a colon, else the first word; not the marks of lists and comments.
_BEGINNING = re.compile(r"(?m)^[^\s#-](?:[^\n:：]{1,23}[:：](?=\s|[^\x00-\x7f])|[^\s:：]{1,23}(?=\s))")


def beginnings(text: str, count: int = 4) -> list[str]:
    """How lines of a text often begin: something to type into a model of it.

    Only what stands there many times, so that nothing private of a text is repeated. Names with a colon come
    first, as in a play or a chat; then words with a capital.
    """
    starts: Counter[str] = Counter(match[0] for match in _BEGINNING.finditer(text[:LOOKED_AT]))
    often = [start for start, times in starts.most_common(50) if times >= _OFTEN and start.isprintable()]
    often.sort(key=lambda start: (not start.endswith((":", "：")), not start[0].isupper(), -starts[start]))
    return often[:count]


def versions() -> dict[str, str]:
    """What a run was made with."""
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads"
    if torch.cuda.is_available():
        machine += f", {torch.cuda.get_device_name()}"
    if parallel.count() > 1:
        machine += f", {parallel.count()} processes"
    return {"python": platform.python_version(), "torch": torch.__version__, "machine": machine}


def public_command(texts: Iterable[str], options: Mapping[str, object]) -> str:
    """The command as it may be published: files by their last name only, addresses without their secrets.

    Args:
        texts: as they were typed.
        options: name to value; True is a flag, None and False are left out, a list is given one by one.
    """
    words = ["python", "-m", "training", *map(public_source, texts)]
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        for each in value if isinstance(value, list) else [value]:
            if each is True:
                words.append(option)
            elif each is not None and each is not False:
                words += [option, f"{each:g}" if isinstance(each, float) else str(each)]
    return shlex.join(words)


def public_sources(texts: Iterable[str]) -> list[str] | None:
    """Where anyone can read a text again: its sources, if all of them are addresses without secrets; else None."""
    sources = list(texts)
    return sources if all("://" in text and public_source(text) == text for text in sources) else None


def public_source(text: str) -> str:
    """One TEXT as it may be published."""
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Path(absolute(text)).name.encode("utf-8", "replace").decode() or "text"
    parts = urlsplit(text)
    if scheme.lower() == "hf":  # OWNER/NAME@REVISION is no user and password
        return f"hf://{parts.netloc}{parts.path}"
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
