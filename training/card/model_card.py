"""The model card: README.md with front matter that the Hub understands, and the curve beside it.

Everything in it was measured or noted by the run; what is not known is left out. What a text, a name or a sample may
do to it is ``card_text``'s to mind. Knows models and metrics; knows neither the Hub nor the trainer.
"""

from __future__ import annotations

import contextlib
import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from model import CharLSTM, generate
from model.backends.products import numba_available
from model.checkpoint.names import CARD, CURVE
from model.files import atomic_write

from .bootstrap import BLOCK
from .curve import Curve, draw, number
from .escape import USE, code, fenced, line, markdown, page_link
from .ngram import ORDER
from .overlap import Overlap, Source
from .redact import base_name, redact, redact_command

TEMPERATURES = (0.5, 0.8, 1.1)
SAMPLE_LENGTH = 400
_PROTOCOLS = {
    "carried": "one pass over the validation text, state carried all the way",
    "cold256": "windows of 256 characters, each from a zero state",
}
Metrics = Sequence[Mapping[str, Any]]
_MOST_TEACHERS = 5  # that are named
_FIELDS = {"carried": "val_loss", "cold256": "val_cold256"}


@dataclass(frozen=True)
class Sample:
    """What the model wrote: `text` goes on from `prompt`."""

    temperature: float
    prompt: str
    text: str


def write_card(
    folder: Path,
    lm: CharLSTM,
    metrics: Metrics,
    samples: Sequence[Sample] | None = None,
    source: Source | None = None,
) -> None:
    """Writes README.md and curve.png into a checkpoint folder, each whole or not at all.

    Args:
        folder: the checkpoint folder of `lm`.
        lm: its `training` is what the card tells of how it was made.
        metrics: lines of metrics.jsonl, oldest first.
        samples: what to show; when None, the model writes them now, with seed 1.
        source: the text it was trained on, to look up what of the samples stands there.

    Raises:
        OSError: the folder cannot be written.
    """
    picture = _picture(lm, metrics)
    if picture:
        atomic_write(folder / CURVE, picture)
    samples = write_samples(lm) if samples is None else samples
    overlap = source.overlap([sample.text for sample in samples]) if source and samples else None
    card = render_card(lm, metrics, samples, with_curve=bool(picture), overlap=overlap)
    atomic_write(folder / CARD, redact(card).encode("utf-8", "replace"))


def get_ready() -> None:
    """Loads what a card is made with, a library that plots and a compiler: a second or two for the first one."""
    with contextlib.suppress(ImportError):  # cards do without
        import matplotlib.figure  # noqa: F401
    numba_available()


def write_samples(lm: CharLSTM) -> list[Sample]:
    """One sample at each temperature, of a beginning that the text itself uses often, if one was noted."""
    prompt = _prompt_of(lm)
    return [Sample(t, prompt, generate(lm, prompt, SAMPLE_LENGTH, temperature=t, seed=1)) for t in TEMPERATURES]


def _picture(lm: CharLSTM, metrics: Metrics) -> bytes:
    """The curve; b"" without two points, or without matplotlib: training works without it."""
    curve = Curve("", metrics, number(lm.training.get("ngram_loss")))
    try:
        return draw([curve]) if curve.is_drawable else b""
    except ImportError:
        return b""


def render_card(
    lm: CharLSTM, metrics: Metrics, samples: Sequence[Sample], *, with_curve: bool, overlap: Overlap | None = None
) -> str:
    """The whole README.md."""
    name = _title(lm)
    sections = [
        f"# {markdown(name)}",
        _introduction(lm),
        f"{USE}\n\n" + _usage(lm, samples),
        "## Measured\n\n" + _measured(lm, metrics, with_curve),
        "## What it writes\n\n" + _shown(samples),
        "## What it may have memorised\n\n" + _memorised(lm, metrics, overlap),
        "## How it was made\n\n" + _making(lm),
    ]
    return f"---\n{front_matter(lm)}\n---\n\n" + "\n\n".join(sections) + "\n"


# front matter


def front_matter(lm: CharLSTM) -> str:
    """The YAML between the dashes, with the measured numbers as a model-index."""
    data = ModelCardData(
        library_name="char-lstm",
        pipeline_tag="text-generation",
        license=line(lm.training.get("license")) or "unknown",
        tags=["char-lstm", "lstm", "character-level", "text-generation", "pytorch"],
        model_name=_title(lm),
        eval_results=_results(lm) or None,
        **_base(lm),
    )
    return data.to_yaml().rstrip()


def _base(lm: CharLSTM) -> dict[str, Any]:
    """The model it went on from, as the Hub links them."""
    repo = _base_model(lm).partition("@")[0]
    return {"base_model": repo, "base_model_relation": "finetune"} if repo else {}


def _results(lm: CharLSTM) -> list[EvalResult]:
    corpus = _corpus(lm)
    found = []
    for protocol, nats in _losses(lm).items():
        for kind, unit, value in (("loss", "nats", nats), ("bits-per-character", "bits", nats / math.log(2))):
            found.append(
                EvalResult(
                    task_type="text-generation",
                    task_name="Character-level language modelling",
                    dataset_type="text",
                    dataset_name=corpus,
                    dataset_split="validation",
                    metric_type=kind,
                    metric_name=f"{unit} per character, {protocol}",
                    metric_value=round(value, 4),
                )
            )
    return found


# sections


def _introduction(lm: CharLSTM) -> str:
    config = lm.config
    cells = f"{config.num_layers} × {config.hidden_size:,}" if config.num_layers > 1 else f"{config.hidden_size:,}"
    characters = number(lm.training.get("corpus_characters"))
    size = f" ({characters:,.0f} characters)" if characters else ""
    return (
        (
            f"A character LSTM that has read {code(_corpus(lm))}{size} and writes on in its manner, one character at a "
            f"time. {_parameters(lm):,} parameters: {config.vocab_size:,} characters, embeddings of "
            f"{config.embedding_size:,}, {cells} LSTM cells. Its whole memory of a conversation is the state (h, c): "
            f"{2 * config.num_layers * config.hidden_size:,} numbers."
        )
        + _descent(lm)
        + _lessons(lm)
    )


def _descent(lm: CharLSTM) -> str:
    """What it went on from."""
    base, corpus = _base_model(lm), line(lm.training.get("base_corpus"))
    if not base and not corpus:
        return ""
    model = _linked(base) if base else "another model"
    return f" It went on from {model}" + (f", which had read {code(base_name(corpus))}." if corpus else ".")


def _lessons(lm: CharLSTM) -> str:
    """Whom it learned from beside the text."""
    noted = lm.training.get("taught_by")
    models = noted.get("models") if isinstance(noted, Mapping) else None
    if not isinstance(models, list) or not models:
        return ""
    named = [_linked(model) for model in map(_pinned, models) if model][:_MOST_TEACHERS]
    if rest := len(models) - len(named):
        named.append("a model" if rest == 1 else f"{rest:,} models")
    *others, last = named
    return f" It learned from what {', '.join(others)}{' and ' if others else ''}{last} expected, too."


def _usage(lm: CharLSTM, samples: Sequence[Sample]) -> str:
    where = _repo(lm) or "."
    prompt = _example(lm) if lm.chat else samples[0].prompt if samples else _prompt_of(lm)
    call = f"lm.chat.wrap({prompt!r}), stop=lm.chat.stop" if lm.chat else f"{prompt!r}"
    python = (
        "from model import CharLSTM, generate\n"
        f"lm = CharLSTM.from_pretrained({where!r}){'' if _repo(lm) else '  # this folder'}\n"
        f"print(generate(lm, {call}, length=500, temperature=0.8, seed=1))"
    )
    words = ["python", "-m", "model", "generate", prompt, *(["--chat"] if lm.chat else []), "--model", where]
    space = _repo_name(lm.training.get("space"))
    page = f"{page_link(space)}\n\n" if space else ""
    return page + (
        f"In a checkout of char-lstm, the project that made it:\n\n{fenced(python, 'python')}\n\n"
        f"or in a terminal:\n\n{fenced(shlex.join(words), 'bash')}"
    )


def _measured(lm: CharLSTM, metrics: Metrics, with_curve: bool) -> str:
    losses, noted = _losses(lm), lm.training
    if not losses:
        return "Nothing was measured yet."
    rows = ["| how the held-out text is read | nats a character | 95 % interval | bits a character | bits a byte |"]
    rows.append("|---|---|---|---|---|")
    rows += [_row(lm, f"`{p}`: {_PROTOCOLS[p]}", nats, _bounds(noted, p)) for p, nats in losses.items()]
    baseline, train = number(noted.get("ngram_loss")), number(noted.get("train_loss"))
    if baseline is not None:
        rows.append(_row(lm, f"for scale, an n-gram of order {ORDER} in the place of the LSTM", baseline))
    if train is not None:
        rows.append(f"| while training, dropout on | {train:.4f} | | {train / math.log(2):.3f} | |")
    read = number(noted.get("validation_characters"))
    part = f"{read:,.0f} characters of the last tenth" if read else "the last tenth"
    text = "\n".join(rows) + f"\n\nMeasured on {part} of the text, which it was not trained on."
    if len(metrics) > 1:
        text += (
            f" It is the best of {len(metrics)} evaluations by `carried` on that very text, so it flatters a little."
        )
    if any(_bounds(noted, protocol) for protocol in losses):
        text += (
            f" Intervals are of a circular block bootstrap over that text, in blocks of at most {BLOCK:,} characters: "
            "how the loss would vary on other stretches of it, not from one training to another."
        )
    counted = number(noted.get("ngram_characters"))
    if baseline is not None and counted:
        text += (
            f" The n-gram (interpolated, Witten and Bell 1991) counted the last {counted:,.0f} characters of the text "
            "that was trained on."
        )
    cost = number(noted.get("int8_cost"))
    if cost is not None:
        text += f" Writing goes in 8 bits, the same on every machine; that costs {cost:+.5f} nats."
    return text + (f"\n\n![Loss over characters seen]({CURVE})" if with_curve else "")


def _row(lm: CharLSTM, what: str, nats: float, bounds: tuple[float, float] | None = None) -> str:
    characters, size = (number(lm.training.get(f"validation_{unit}")) for unit in ("characters", "bytes"))
    bits = nats / math.log(2)
    of_bytes = f"{bits * characters / size:.3f}" if characters and size else ""
    between = f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else ""
    return f"| {what} | {nats:.4f} | {between} | {bits:.3f} | {of_bytes} |"


def _bounds(noted: Mapping[str, Any], protocol: str) -> tuple[float, float] | None:
    """The interval of a loss, if one was noted."""
    pair = noted.get(f"{_FIELDS[protocol]}_95")
    low, high = (number(bound) for bound in pair) if isinstance(pair, list) and len(pair) == 2 else (None, None)
    return (low, high) if low is not None and high is not None else None


def _shown(samples: Sequence[Sample]) -> str:
    blocks = [
        f"Temperature {sample.temperature:g}, seed 1"
        + (f", after {code(sample.prompt)}" if sample.prompt.strip() else "")
        + f":\n\n{fenced(sample.prompt + sample.text, 'text')}"
        for sample in samples
    ]
    return "\n\n".join(blocks)


def _memorised(lm: CharLSTM, metrics: Metrics, overlap: Overlap | None) -> str:
    base = " and that of the model it went on from" if _descent(lm) else ""
    text = (
        f"It knows nothing but its text{base}, and can write passages of it word for word: names, addresses or "
        "anything else that stands there. Whoever may not have the text should not have the model. What it says is "
        "not true because it says so."
    )
    seen, length = number(metrics[-1].get("chars")) if metrics else None, number(lm.training.get("corpus_characters"))
    if seen and length:
        text += f" It has read each character about {max(1, round(seen / (0.9 * length))):,} times."
    license_name = line(lm.training.get("license")) or "unknown"
    if license_name == "unknown":
        text += " The text's licence was not stated."
    return text + (f"\n\n{_copied(overlap)}" if overlap else "")


def _copied(overlap: Overlap) -> str:
    part = "the text that it was trained on" if overlap.whole else f"the last {overlap.searched:,} of its characters"
    text = (
        f"Of the {overlap.characters:,} characters above, the longest run that stands word for word in {part} has "
        f"{len(overlap.passage):,}: {code(overlap.passage.replace(chr(10), '⏎'))}."
    )
    if overlap.held_out is not None:
        text += f" Held-out text of this length shares {overlap.held_out:,} with it (the middle one of some places)."
    return text


def _making(lm: CharLSTM) -> str:
    about = lm.training
    facts = []
    if command := line(about.get("command")):
        facts.append(fenced(redact_command(command), "bash"))
    seconds = number(about.get("seconds"))
    if seconds is not None:
        facts.append(f"- {seconds / 60:.1f} minutes on {markdown(line(about.get('machine')) or 'one machine')}")
    if (step := number(about.get("step"))) is not None:
        facts.append(f"- {step:,.0f} steps" + _recipe(about.get("recipe")))
    versions = [f"{name} {markdown(line(about[name]))}" for name in ("python", "torch") if about.get(name)]
    if versions:
        facts.append(f"- {', '.join(versions)}")
    if ends := line(about.get("line_ends")):
        facts.append(f"- line ends are {code(ends)}, whatever they were in the files")
    return "\n".join(facts[:1]) + ("\n\n" if len(facts) > 1 else "") + "\n".join(facts[1:]) if facts else "Not noted."


def _recipe(recipe: object) -> str:
    if not isinstance(recipe, Mapping):
        return ""
    batch, window = number(recipe.get("batch")), number(recipe.get("window"))
    size = f" of {batch:,.0f} × {window:,.0f} characters" if batch and window else ""
    dropout = ("dropout_in", "dropout_between", "dropout_out", "dropout_weights")
    names = ("lr", "matrix_lr", "weight_decay", *dropout, "average", "seed")
    rest = [f"{name} {value:.4g}" for name in names if (value := number(recipe.get(name))) is not None]
    return size + (f"; {', '.join(rest)}" if rest else "")


# what was noted


def _losses(lm: CharLSTM) -> dict[str, float]:
    """Nats a character under each protocol that was measured."""
    noted = {protocol: number(lm.training.get(field)) for protocol, field in _FIELDS.items()}
    return {protocol: nats for protocol, nats in noted.items() if nats is not None}


def _repo(lm: CharLSTM) -> str:
    """USER/NAME where the model is pushed, or ""."""
    return _repo_name(lm.training.get("repo"))


def _repo_name(noted: object) -> str:
    """USER/NAME, or "" for anything else."""
    repo = line(noted)
    return repo if re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII) else ""


def _base_model(lm: CharLSTM) -> str:
    """USER/NAME@COMMIT of the model it went on from, or ""."""
    return _pinned(lm.training.get("base_model"))


def _pinned(noted: object) -> str:
    """USER/NAME@COMMIT, or "" for anything else."""
    model = line(noted)
    return model if re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", model, re.ASCII) else ""


def _linked(model: str) -> str:
    """What ``_pinned`` gives, as a link."""
    repo, _, commit = model.partition("@")
    return f"[{repo}](https://huggingface.co/{repo}) at {commit[:7]}"


def _corpus(lm: CharLSTM) -> str:
    return base_name(line(lm.training.get("corpus"))) or "a text"


def _title(lm: CharLSTM) -> str:
    return _repo(lm).rpartition("/")[2] or _corpus(lm)


def _prompt_of(lm: CharLSTM) -> str:
    """What samples go on from: a beginning that the text often uses; of a chat, a turn of it."""
    return lm.chat.wrap(_example(lm)) if lm.chat else _example(lm)


def _example(lm: CharLSTM) -> str:
    examples: Iterable[object] = lm.training.get("examples") or ()
    return next((line(example) for example in examples if line(example)), "")


def _parameters(lm: CharLSTM) -> int:
    return sum(parameter.numel() for parameter in lm.network.parameters())
