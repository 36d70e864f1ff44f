"""Writes the model card: README.md with front matter for the Hub, and the loss curve beside it.

A card contains only what the run measured or recorded. `summary` checks the records, and `escape` keeps any text, name
or sample from breaking the Markdown.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData, constants

from model import CharLSTM, generate
from model.backends.int8_products import numba_available
from model.checkpoint.names import CARD, CURVE
from model.files import atomic_write

from ..learner.dataset import VALIDATION_PART
from ..learner.evaluation import bits
from .bootstrap import BLOCK
from .curve import Curve, draw, number
from .escape import USE, code, code_block, markdown, page_link
from .ngram import ORDER, comparison
from .overlap import Overlap, Source
from .redact import redact
from .summary import Quotes, TrainingSummary, quotes_of

TEMPERATURES = (0.5, 0.8, 1.1)
SAMPLE_LENGTH = 400  # characters
_PROTOCOLS = {  # by their names in docs/evaluation.md
    "carried": "state carried over the whole text",
    "cold256": "state reset every 256 characters",
    "adapted": "by a copy of the model that learns meanwhile",
}
_MAX_TEACHERS = 5  # named in a card
Metrics = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class CardSample:
    """A text that the model generated: the continuation of `prompt`."""

    temperature: float
    prompt: str
    text: str


def write_card(
    folder: Path,
    lm: CharLSTM,
    metrics: Metrics,
    samples: Sequence[CardSample] | None = None,
    source: Source | None = None,
) -> None:
    """Writes README.md and curve.png into a checkpoint folder, each atomically.

    Args:
        folder: the checkpoint folder of `lm`.
        lm: the model; `training` of its config.json says how it was trained.
        metrics: lines of metrics.jsonl, oldest first.
        samples: texts to show; None to generate them now, with seed 1.
        source: the training text, in which the samples are searched for copied passages.

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


def import_libraries() -> None:
    """Imports what the first card needs, matplotlib and numba, which takes a second or two."""
    with contextlib.suppress(ImportError):  # without matplotlib a card has no curve
        import matplotlib.figure  # noqa: F401
    numba_available()


def write_samples(lm: CharLSTM) -> list[CardSample]:
    """Generates one sample for each temperature; the prompt is the first example of the training text, if any."""
    prompt = _prompt(lm, TrainingSummary.of(lm.training))
    return [CardSample(t, prompt, generate(lm, prompt, SAMPLE_LENGTH, temperature=t, seed=1)) for t in TEMPERATURES]


def _prompt(lm: CharLSTM, summary: TrainingSummary) -> str:
    return lm.chat.wrap(summary.example) if lm.chat else summary.example


def _picture(lm: CharLSTM, metrics: Metrics) -> bytes:
    """Returns the loss curve as PNG; b"" if there are fewer than two points, or no matplotlib."""
    curve = Curve("", metrics, number(lm.training.get("ngram_loss")))
    try:
        return draw([curve]) if curve.is_drawable else b""
    except ImportError:
        return b""


def render_card(
    lm: CharLSTM, metrics: Metrics, samples: Sequence[CardSample], *, with_curve: bool, overlap: Overlap | None = None
) -> str:
    """Returns the text of README.md, which quotes the training text and the model as far as `quotes_of` allows."""
    summary, quotes = TrainingSummary.of(lm.training), quotes_of(lm.training, is_chat=lm.chat is not None)
    sections = [
        f"# {markdown(_title(summary))}",
        _introduction(lm, summary),
        f"{USE}\n\n" + _usage(lm, summary, samples),
        "## Evaluation\n\n" + _evaluation(summary, metrics, with_curve),
        "## Samples\n\n" + (_no_samples(lm) if quotes == "nothing" else _samples(samples)),
        "## Memorisation\n\n" + _memorisation(summary, metrics, overlap, quotes=quotes),
        "## Training\n\n" + _training(summary),
    ]
    return f"---\n{_front_matter(summary)}\n---\n\n" + "\n\n".join(sections) + "\n"


def _title(summary: TrainingSummary) -> str:
    return summary.repo.rpartition("/")[2] or summary.corpus


# front matter


def _front_matter(summary: TrainingSummary) -> str:
    """Returns the YAML between the dashes, with the measured losses as a model-index."""
    parent: dict[str, Any] = {}
    if summary.base_model:
        parent = {"base_model": summary.base_model.partition("@")[0], "base_model_relation": "finetune"}
    data = ModelCardData(
        library_name="char-lstm",
        pipeline_tag="text-generation",
        license=summary.license,
        license_name=summary.license_name or None,
        tags=["char-lstm", "lstm", "character-level", "text-generation", "pytorch"],
        model_name=_title(summary),
        eval_results=_results(summary) or None,
        **parent,
    )
    return data.to_yaml().rstrip()


def _results(summary: TrainingSummary) -> list[EvalResult]:
    results = []
    for protocol, nats in summary.losses.items():
        for kind, unit, value in (("loss", "nats", nats), ("bits-per-character", "bits", bits(nats))):
            results.append(
                EvalResult(
                    task_type="text-generation",
                    task_name="Character-level language modelling",
                    dataset_type="text",
                    dataset_name=summary.corpus,
                    dataset_split="validation",
                    metric_type=kind,
                    metric_name=f"{unit} per character, {protocol}",
                    metric_value=round(value, 4),
                )
            )
    return results


# sections


def _introduction(lm: CharLSTM, summary: TrainingSummary) -> str:
    config = lm.config
    cells = f"{config.num_layers} × {config.hidden_size:,}" if config.num_layers > 1 else f"{config.hidden_size:,}"
    size = f" ({summary.corpus_characters:,.0f} characters)" if summary.corpus_characters else ""
    parameters = sum(parameter.numel() for parameter in lm.network.parameters())
    text = (
        f"A character LSTM, trained on {code(summary.corpus)}{size}. It continues a text in the same style, one "
        f"character at a time. It has {parameters:,} parameters: {config.vocab_size:,} characters, embeddings of size "
        f"{config.embedding_size:,}, {cells} LSTM cells. All that it remembers of a text is its state (h, c): "
        f"{2 * config.num_layers * config.hidden_size:,} numbers."
    )
    if summary.base_model or summary.base_corpus:
        parent = _link(summary.base_model) if summary.base_model else "another model"
        trained_on = f", trained on {code(summary.base_corpus)}" if summary.base_corpus else ""
        text += f" It was fine-tuned from {parent}{trained_on}."
    if summary.teachers:
        text += f" It was distilled from {_teachers(summary.teachers)}, whose predictions it learned beside the text."
    return text


def _teachers(models: Sequence[str]) -> str:
    named = [_link(model) for model in models if model][:_MAX_TEACHERS]
    if rest := len(models) - len(named):
        named.append("a model" if rest == 1 else f"{rest:,} models")
    return f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]


def _link(pinned: str) -> str:
    """Returns USER/NAME@COMMIT as a Markdown link."""
    repo, _, commit = pinned.partition("@")
    return f"[{repo}]({constants.ENDPOINT}/{repo}) at {commit[:7]}"


def _usage(lm: CharLSTM, summary: TrainingSummary, samples: Sequence[CardSample]) -> str:
    where = summary.repo or "."
    prompt = summary.example if lm.chat or not samples else samples[0].prompt
    call = f"lm.chat.wrap({prompt!r}), stop=lm.chat.stop" if lm.chat else f"{prompt!r}"
    python = (
        "from model import CharLSTM, generate\n"
        f"lm = CharLSTM.from_pretrained({where!r}){'' if summary.repo else '  # this folder'}\n"
        f"print(generate(lm, {call}, length=500, temperature=0.8, seed=1))"
    )
    words = ["python", "-m", "model", "generate", prompt, *(["--chat"] if lm.chat else []), "--model", where]
    page = f"{page_link(summary.space)}\n\n" if summary.space else ""
    return page + (
        f"In a checkout of char-lstm, the project that made it:\n\n{code_block(python, 'python')}\n\n"
        f"or in a terminal:\n\n{code_block(shlex.join(words), 'bash')}"
    )


def _evaluation(summary: TrainingSummary, metrics: Metrics, with_curve: bool) -> str:
    if not summary.losses:
        return "Nothing was measured yet."
    rows = [
        "| loss | nats per character | 95 % interval | bits per character | bits per byte |",
        "|---|---|---|---|---|",
    ]
    for protocol, nats in summary.losses.items():
        rows.append(_row(summary, f"held-out, {_PROTOCOLS[protocol]} (`{protocol}`)", nats, protocol))
    if summary.ngram_loss is not None:
        rows.append(_row(summary, f"held-out, a {ORDER}-gram counter instead of the LSTM", summary.ngram_loss))
    if summary.train_loss is not None:
        nats = summary.train_loss
        rows.append(f"| training, with dropout | {nats:.4f} | | {bits(nats):.3f} | |")
    read = summary.validation_characters
    part = f"{read:,.0f} characters of the last tenth" if read else "the last tenth"
    notes = [f"Held-out losses are measured on {part} of the text, which the model was not trained on."]
    if len(metrics) > 1:
        notes.append(
            f"This checkpoint has the lowest `carried` loss of {len(metrics)} evaluations on that text, so its loss is "
            "slightly optimistic."
        )
    if summary.intervals:
        notes.append(
            f"The intervals come from a circular block bootstrap in blocks of at most {BLOCK:,} characters: they say "
            "how the loss would vary on other passages of the same text, not between two trainings."
        )
    if summary.ngram_loss is not None and summary.ngram_characters:
        notes.append(
            f"The {ORDER}-gram counter (interpolated, Witten and Bell 1991) counted the last "
            f"{summary.ngram_characters:,.0f} characters of the training text."
        )
    if summary.ngram_loss is not None and "carried" in summary.losses:
        notes.append(f"The LSTM is {comparison(summary.losses['carried'], summary.ngram_loss)}.")
    if summary.int8_cost is not None:
        cost = round(summary.int8_cost, 5) + 0.0  # + 0.0: a cost of -0.000001 is 0, not -0
        notes.append(f"Generation uses int8 weights, the same on every machine, which costs {cost:+.5f} nats.")
    picture = f"\n\n![Loss over characters seen]({CURVE})" if with_curve else ""
    return "\n".join(rows) + "\n\n" + " ".join(notes) + picture


def _row(summary: TrainingSummary, what: str, nats: float, protocol: str = "") -> str:
    characters, size = summary.validation_characters, summary.validation_bytes
    bits_per_byte = f"{bits(nats) * characters / size:.3f}" if characters and size else ""
    bounds = summary.intervals.get(protocol)
    interval = f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else ""
    return f"| {what} | {nats:.4f} | {interval} | {bits(nats):.3f} | {bits_per_byte} |"


def _no_samples(lm: CharLSTM) -> str:
    reason = "The text is a chat" if lm.chat else "Not everyone can read the training text"
    return f"{reason}, so this card quotes nothing that the model writes."


def _samples(samples: Sequence[CardSample]) -> str:
    blocks = []
    for sample in samples:
        after = f", after the prompt {code(sample.prompt)}" if sample.prompt.strip() else ""
        text = code_block(sample.prompt + sample.text, "text")
        blocks.append(f"Temperature {sample.temperature:g}, seed 1{after}:\n\n{text}")
    return "\n\n".join(blocks)


def _memorisation(summary: TrainingSummary, metrics: Metrics, overlap: Overlap | None, *, quotes: Quotes) -> str:
    base = " and that of the model it was fine-tuned from" if summary.base_model or summary.base_corpus else ""
    text = (
        f"The model knows nothing but its training text{base}, and can reproduce passages of it word for word, "
        "including names and addresses. Give the model only to people who may have the text, and do not treat what it "
        "writes as fact."
    )
    seen = number(metrics[-1].get("chars")) if metrics else None
    if seen and summary.corpus_characters:
        read = summary.corpus_characters * (1 - 1 / VALIDATION_PART)
        times = max(1, round(seen / read))
        text += f" It was trained on each character about {'once' if times == 1 else f'{times:,} times'}."
    if summary.license == "unknown":
        text += " The licence of the text was not stated."
    return text + (f"\n\n{_copied(overlap, quotes=quotes)}" if overlap else "")


def _copied(overlap: Overlap, *, quotes: Quotes) -> str:
    where = "the training text" if overlap.whole else f"the last {overlap.searched:,} characters of the training text"
    passage = f": {code(overlap.passage.replace(chr(10), '⏎'))}" if quotes == "text" else ""
    text = (
        f"The longest passage of {'some samples' if quotes == 'nothing' else 'the samples above'} "
        f"({overlap.characters:,} "
        f"characters) that was copied from {where} has {len(overlap.passage):,} characters{passage}."
    )
    if overlap.held_out is not None:
        text += f" For comparison: held-out text of the same length shares {overlap.held_out:,} (median)."
    return text


def _training(summary: TrainingSummary) -> str:
    facts = []
    if summary.seconds is not None:
        facts.append(f"- {summary.seconds / 60:.1f} minutes on {markdown(summary.machine or 'one machine')}")
    if summary.step is not None:
        facts.append(f"- {summary.step:,.0f} steps{summary.recipe}")
    if summary.versions:
        facts.append("- " + ", ".join(f"{name} {markdown(version)}" for name, version in summary.versions.items()))
    if summary.line_ends:
        facts.append(f"- line ends are {code(summary.line_ends)}, whatever they were in the files")
    parts = [code_block(summary.command, "bash")] if summary.command else []
    return "\n\n".join([*parts, *(["\n".join(facts)] if facts else [])]) or "Nothing was noted."
