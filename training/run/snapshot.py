"""A run after one step: what its checkpoint folder holds, and how the folder is written and read.

Resuming needs training_state/ (tensors, state.json and a manifest of their hashes) and metrics.jsonl; the rest is the
model, as anyone can load it.

The records in state.json, in config.json and on the model card are published, so none of them may hold a path of this
machine or a secret in an address.
"""

from __future__ import annotations

import math
import platform
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from model.backends.device import gpu_name
from model.checkpoint.format import Checkpoint, CheckpointError, parse_json
from model.checkpoint.names import METRICS, STATE
from model.checkpoint.read import check_hash, read_checkpoint, read_manifest
from model.checkpoint.record import Sample, TrainingRecord, read_record
from model.checkpoint.write import write_checkpoint, write_manifest
from model.files import atomic_write, json_bytes, json_lines

from ..errors import RunError
from ..learner import processes
from ..learner.recipe import Recipe
from .clock import restored

EXAMPLES_FROM = 2_000_000  # characters at the beginning of a text in which frequent line beginnings are searched
_FREQUENT = 5  # times that a beginning must occur: a rare one may be private
# A name of some words before a colon, else the first word; not the marks of lists and comments.
_BEGINNING = re.compile(r"(?m)^[^\s#-](?:[^\n:：]{1,17}[:：](?=\s|[^\x00-\x7f])|[^\s:：]{1,18}(?=\s))")
_STATE_FORMAT = 1
_STATE_FILES = ("state.safetensors", "state.json")


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


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A run after one step. Later steps do not change it."""

    checkpoint: Checkpoint  # the model: weights, vocabulary, config
    metrics: Sequence[Evaluation]  # so far
    samples: Sequence[Sample]  # so far
    state: RunState
    tensors: Mapping[str, Tensor]  # weights, averaged weights, optimizers, LSTM state; see `Trainer.state_tensors`
    complete: bool = False  # whether this was the last step of the run

    @property
    def step(self) -> int:
        """The number of training steps done."""
        return int(self.tensors["steps_done"])

    @property
    def val_loss(self) -> float:
        """The validation loss, in nats per character; infinite when this step was not evaluated."""
        return loss_at(self.step, self.metrics)

    def write(self, folder: Path) -> None:
        """Writes a checkpoint into an empty folder.

        Raises:
            CheckpointError: the weights are not finite.
        """
        write_checkpoint(folder, self.checkpoint, dtype="bfloat16")
        atomic_write(folder / METRICS, json_lines(self.metrics))
        write_state(folder, self.state, self.tensors)


def read_snapshot(folder: Path) -> Snapshot:
    """Returns the content of a checkpoint folder, which may come from a stranger's repo.

    Raises:
        CheckpointError: a file is missing, damaged, or of another format version.
        RunError: the run was saved by another version of the project.
    """
    checkpoint, (state, tensors) = read_checkpoint(folder), read_state(folder)
    if "steps_done" not in tensors:
        raise CheckpointError("state.safetensors lacks steps_done")
    return Snapshot(
        checkpoint=checkpoint,
        metrics=read_metrics(folder),
        samples=checkpoint.samples,
        state=parse_run_state(state),
        tensors=tensors,
    )


def loss_at(step: int, metrics: Sequence[Evaluation]) -> float:
    """Returns the validation loss of a step, in nats per character; infinite when it was not evaluated."""
    return next((float(line["val_loss"]) for line in reversed(metrics) if line["step"] == step), math.inf)


def read_metrics(folder: Path) -> list[Evaluation]:
    """Returns the evaluations in metrics.jsonl of a folder, oldest first.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    try:
        lines = (folder / METRICS).read_bytes().splitlines()
    except OSError as error:
        raise CheckpointError(f"{METRICS} cannot be read: {error.strerror}") from error
    found = [parse_json(METRICS, line) for line in lines]
    for line in found:
        step, loss = line.get("step"), line.get("val_loss")
        if type(step) is not int or isinstance(loss, bool) or not isinstance(loss, int | float):
            raise CheckpointError(f"a line of {METRICS} has no valid step or val_loss")
    return cast(list[Evaluation], found)


def write_state(folder: Path, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Writes training_state/ of a checkpoint folder."""
    inside = folder / STATE
    inside.mkdir(exist_ok=True)
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    atomic_write(inside / "state.safetensors", save(contiguous))
    atomic_write(inside / "state.json", json_bytes({"format_version": _STATE_FORMAT, **state}))
    write_manifest(inside, _STATE_FILES)


def read_state(folder: Path) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    """Returns the state and the tensors that `write_state` wrote; the fields of the state are not checked.

    Raises:
        CheckpointError: a file is missing, damaged, or of another format version.
    """
    inside = folder / STATE
    hashes = read_manifest(inside)
    try:
        data = {name: (inside / name).read_bytes() for name in _STATE_FILES}
    except OSError as error:
        raise CheckpointError(f"{STATE} cannot be read: {error.strerror}") from error
    for name in _STATE_FILES:
        check_hash(name, data[name], hashes)
    state = parse_json("state.json", data["state.json"])
    if state.get("format_version") != _STATE_FORMAT:
        raise CheckpointError(f"state.json: format_version is {state.get('format_version')!r:.40}, not {_STATE_FORMAT}")
    try:
        return state, load(data["state.safetensors"])
    except SafetensorError as error:
        raise CheckpointError(f"state.safetensors is damaged: {error}") from error
