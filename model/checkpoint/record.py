"""What a training recorded: the field `training` of config.json, which says how the model was made; and samples.jsonl,
what the model wrote after some steps, one sample a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast, get_args, get_origin, get_type_hints, is_typeddict

from ..files import json_lines
from ..settings import check_value

MAX_SAMPLES = 1_000
MAX_BYTES = 1 << 20
MAX_TEXT = 1_000  # characters of a sample


class Welcome(TypedDict):
    """A text that the model wrote without a prompt, which an empty page shows, and its seed."""

    text: str
    seed: int


class TaughtBy(TypedDict):
    """The teachers: `user/name@commit` of each, "" for a local folder; and the hash of their soft targets."""

    models: list[str]
    sha256: str


class TrainingRecord(TypedDict, total=False):
    """What a training recorded; fields that it did not record are missing. Losses are in nats per character."""

    corpus: str  # the name of the text
    corpus_characters: int
    datasets: list[str]  # user/name of the datasets on the Hub that are the text
    language: str  # of the text, as an ISO 639 code
    line_ends: str
    examples: list[str]  # prompts that fit the text
    step: int
    seconds: float
    val_loss: float  # on held-out text, with the state carried over
    val_loss_95: list[float]  # the 95 % interval
    val_bpc: float  # the same in bits per character
    val_cold256: float  # with the state reset every 256 characters
    val_cold256_95: list[float]
    val_adapted: float  # with dynamic evaluation
    train_loss: float
    validation_characters: int
    validation_bytes: int
    int8_cost: float  # what int8 inference adds to the loss
    ngram_loss: float  # of counting 5-grams
    ngram_characters: int
    rare_characters: int
    preset: str
    recipe: Mapping[str, Any]
    command: str
    base_model: str  # user/name@commit of the model that the training started from
    base_corpus: str
    taught_by: TaughtBy
    python: str
    torch: str
    machine: str
    license: str
    license_name: str
    repo: str  # user/name on the Hub
    space: str
    space_hardware: str
    sharing: str  # "public", "private" or "unscanned"
    quotes: str  # what published files may quote: "text", "model" (what it writes) or "nothing"
    quote_chat: bool
    page_title: str
    welcome: Welcome
    package: str  # of bundled models: where the text is from, and a passage of it with its loss
    passage: str
    passage_loss: float


def read_record(content: Mapping[str, Any]) -> TrainingRecord:
    """Returns a record that may come from anyone: a field with a value of another type is left out."""
    kinds = get_type_hints(TrainingRecord)
    kept = {name: value for name, value in content.items() if name not in kinds or _fits(value, kinds[name])}
    return cast(TrainingRecord, kept)


def _fits(value: object, kind: Any) -> bool:
    if kind is float:
        return type(value) in (int, float)
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_fits(each, *get_args(kind)) for each in value)
    if is_typeddict(kind):
        fields = get_type_hints(kind).items()
        return isinstance(value, dict) and all(_fits(value.get(name), inner) for name, inner in fields)
    return type(value) is (dict if get_origin(kind) else kind)


def stored_welcome(record: TrainingRecord) -> tuple[str, int]:
    """Returns the welcome text, cut after a word or a line, and its seed; ("", 0) if none is stored."""
    welcome = record.get("welcome")
    return (whole_lines(welcome["text"]), welcome["seed"]) if welcome else ("", 0)


def whole_lines(text: str) -> str:
    """Returns a text cut at its last line end, or else at its last space, if over half of it is left then.

    Line ends at the end of the text are removed first.
    """
    text = text.rstrip("\n")
    cut = max(text.rfind("\n"), text.rfind(" ") if "\n" not in text[len(text) // 2 :] else -1)
    return text[:cut] if cut > len(text) // 2 else text


class Sample(TypedDict):
    """A line of samples.jsonl: what the model generated after a step."""

    step: int
    prompt: str
    temperature: float
    seed: int
    text: str


def samples_from_json(lines: Sequence[Mapping[str, Any]]) -> tuple[Sample, ...]:
    """Returns the samples, oldest first.

    Raises:
        ValueError: the lines are not samples in the order of their steps, or there are more than 1,000.
    """
    if len(lines) > MAX_SAMPLES:
        raise ValueError(f"it has {len(lines):,} samples: at most {MAX_SAMPLES:,} are allowed")
    samples = tuple(_sample(line) for line in lines)
    steps = [sample["step"] for sample in samples]
    if steps != sorted(steps):
        raise ValueError("its samples are not in the order of their steps")
    return samples


def thinned(samples: Sequence[Sample]) -> list[Sample]:
    """Returns the samples that fit into samples.jsonl: all, or the first, the last and evenly spaced others."""
    kept = list(samples)
    while len(kept) > MAX_SAMPLES or len(json_lines(kept)) > MAX_BYTES:
        kept = [*kept[:-1:2], kept[-1]]
    return kept


def _sample(line: Mapping[str, Any]) -> Sample:
    prompt, text = line.get("prompt"), line.get("text")
    for name, kind in (("step", int), ("seed", int), ("temperature", float)):
        check_value(f"{name} of a sample", line.get(name), kind)
    if not isinstance(prompt, str) or not isinstance(text, str) or len(prompt) + len(text) > MAX_TEXT:
        raise ValueError(f"prompt and text of a sample must be texts of at most {MAX_TEXT:,} characters together")
    temperature = float(line["temperature"])
    return {"step": line["step"], "prompt": prompt, "temperature": temperature, "seed": line["seed"], "text": text}
