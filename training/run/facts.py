"""What a run notes about itself for config.json and the model card, for anyone to read.

So nothing here may hold a path of this machine, or a secret of an address.
"""

from __future__ import annotations

import platform
import re
from collections import Counter

import torch

from model.backends.device import gpu_name

from ..learner import processes

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


def versions(device: torch.device) -> dict[str, str]:
    """Python, torch and the machine that a run trains with, on which the last digits of its numbers depend."""
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads"
    if name := gpu_name(device):
        machine += f", {name}"
    if processes.count() > 1:
        machine += f", {processes.count()} processes"
    return {"python": platform.python_version(), "torch": torch.__version__, "machine": machine}
