"""The records of a run in its checkpoints, in config.json and on the model card, for anyone to read.

The records are published, so none of them may hold a path of this machine or a secret in an address.
"""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypedDict, cast

import torch

from model.backends.device import gpu_name
from model.checkpoint.record import TrainingRecord, read_record

from ..errors import RunError
from ..learner import processes
from ..learner.recipe import Recipe
from .clock import restored

EXAMPLES_FROM = 2_000_000  # characters at the beginning of a text in which frequent line beginnings are searched
_FREQUENT = 5  # times that a beginning must occur: a rare one may be private
# A name of some words before a colon, else the first word; not the marks of lists and comments.
_BEGINNING = re.compile(r"(?m)^[^\s#-](?:[^\n:：]{1,17}[:：](?=\s|[^\x00-\x7f])|[^\s:：]{1,18}(?=\s))")


class Evaluation(TypedDict, total=False):
    """A line of metrics.jsonl. Losses in nats per character, `val_bpc` in bits; `seconds` since the run began."""

    step: int
    chars: int
    seconds: float
    train_loss: float
    val_loss: float
    val_bpc: float
    val_cold256: float
    chars_per_sec: float
    lr: float


class PublicText(TypedDict):
    """Where anyone can read the training text, and how it is read."""

    sources: list[str]
    errors: str  # this and the rest: the fields of `Reading`
    encoding: str | None
    merge_rare: bool


class CorpusRecord(TypedDict):
    """The training text in state.json; `sha256` is of its UTF-8."""

    name: str
    sha256: str
    characters: int
    public: PublicText | None


class RunState(TypedDict, total=False):
    """state.json of a checkpoint, without its format version; `seconds` is the time that the run has taken so far.

    Only runs of --minutes have `clock`.
    """

    recipe: Mapping[str, Any]
    corpus: CorpusRecord
    about: TrainingRecord
    seconds: float
    clock: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class TextFacts:
    """The training text of a run."""

    record: CorpusRecord  # its name, hash and length
    examples: list[str]  # prompts for a model of it, such as frequent line beginnings


def parse_run_state(saved: Mapping[str, Any]) -> RunState:
    """Checks and returns state.json of a checkpoint, which may come from a stranger's repo.

    Raises:
        RunError: a field is missing, or has a value that this version does not write.
    """
    try:
        recipe, corpus, seconds = Recipe(**saved["recipe"]), saved["corpus"], saved["seconds"]
        if decisions := saved.get("decisions"):  # an earlier version: it continues as a run of so many steps
            recipe = replace(recipe, steps=decisions[-1][1])
        restored(recipe, saved, steps_done=0)  # raises an error if `clock` is not valid
        about = read_record(saved["about"])
        public = corpus.get("public") or {"sources": [], "errors": "strict"}
        is_valid = (
            isinstance(seconds, int | float)
            and (isinstance(corpus["sha256"], str) and isinstance(corpus["characters"], int))
            and (isinstance(public["sources"], list) and public["errors"] in ("strict", "replace"))
            and ({"repo", "license"} <= about.keys() and all(str(value).isprintable() for value in about.values()))
        )
        if not is_valid:
            raise ValueError("a value in state.json is not valid")
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        reason = f"state.json lacks {error}" if isinstance(error, KeyError) else error
        message = f"this run was started with another version of the project ({reason}): start a new run"
        raise RunError(message) from error
    return cast(RunState, {**saved, "recipe": asdict(recipe), "about": about})


def frequent_beginnings(text: str) -> list[str]:
    """Returns up to 4 beginnings of lines that occur often in a text, as prompts for a model of it.

    Each has at most 19 characters. Names with a colon come first, as in a play or a chat; then words with a capital.
    """
    starts: Counter[str] = Counter(match[0] for match in _BEGINNING.finditer(text[:EXAMPLES_FROM]))
    often = [start for start, times in starts.most_common(50) if times >= _FREQUENT and start.isprintable()]
    often.sort(key=lambda start: (not start.endswith((":", "：")), not start[0].isupper(), -starts[start]))
    return often[:4]


def versions(device: torch.device) -> TrainingRecord:
    """Returns the fields `python`, `torch` and `machine`: with other values the last digits of losses may differ."""
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads"
    if name := gpu_name(device):
        machine += f", {name}"
    if processes.count() > 1:
        machine += f", {processes.count()} processes"
    return {"python": platform.python_version(), "torch": torch.__version__, "machine": machine}
