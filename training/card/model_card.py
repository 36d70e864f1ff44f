"""Writes the model card: README.md with front matter for the Hub, the loss curve and, for a repo, a notebook beside it.

A card contains only what the run measured or recorded. `model_card.md.jinja` is its text, `summary` checks the records,
and `public_text` keeps any text, name or sample from breaking the Markdown.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData, constants

from model import CharLSTM, generate, score
from model.checkpoint.names import CARD, CURVE, NOTEBOOK
from model.files import atomic_write
from model.terminal import markdown_text

from ..learner.dataset import VALIDATION_PART
from ..learner.evaluation import BLOCK, ORDER, bits
from .curve import Curve, draw, number
from .notebook import known_prompt, notebook, plain_torch, prompt_of
from .overlap import Overlap, Source
from .public_text import USE, page_link, redact, render
from .summary import TrainingSummary, quotes_of

TEMPERATURES = (0.5, 0.8, 1.1)
SAMPLE_LENGTH = 400  # characters
_HELD_OUT = {  # losses in config.json: their names in docs/evaluation.md, and what they are
    "val_loss": ("carried", "state carried over the whole text"),
    "val_cold256": ("cold256", "state reset every 256 characters"),
    "val_adapted": ("adapted", "by a copy of the model that learns meanwhile"),
}
_MAX_TEACHERS = 5  # named in a card
Metrics = Sequence[Mapping[str, Any]]


def write_card(folder: Path, lm: CharLSTM, metrics: Metrics, source: Source | None = None, about: str = "") -> None:
    """Writes README.md, curve.png and, for a model that has a repo, notebook.ipynb into a checkpoint folder.

    Args:
        metrics: lines of metrics.jsonl, oldest first.
        source: the training text, in which the samples are searched for copied passages.
        about: Markdown about the training text, for a section of its own; "" for none.
    """
    curve = Curve("", metrics, number(lm.training.get("ngram_loss")))
    if curve.is_drawable:
        atomic_write(folder / CURVE, draw([curve]))
    if repo := TrainingSummary(lm.training).repo:
        named = next(iter(lm.cells), None)
        content = redact(notebook(repo, known_prompt(lm), hub=constants.ENDPOINT, shown=named))
        atomic_write(folder / NOTEBOOK, content.encode("utf-8", "replace"))
    prompt = prompt_of(lm)
    samples = {t: generate(lm, prompt, SAMPLE_LENGTH, temperature=t, seed=1) for t in TEMPERATURES}
    overlap = source.overlap([*samples.values()]) if source else None
    atomic_write(folder / CARD, render_card(lm, metrics, samples, overlap, about).encode("utf-8", "replace"))


def render_card(
    lm: CharLSTM, metrics: Metrics, samples: Mapping[float, str], overlap: Overlap | None = None, about: str = ""
) -> str:
    """Returns the text of README.md, which quotes the training text and the model as far as `quotes_of` allows.

    `samples`: by temperature, how the model continued its `prompt_of`.
    """
    summary, is_chat = TrainingSummary(lm.training), lm.chat is not None
    title, where = summary.repo.rpartition("/")[2] or summary.corpus, summary.repo or "."
    folder = title if summary.repo else "."
    quotes = quotes_of(lm.training, is_chat=is_chat)
    card = render(
        "model_card.md.jinja",
        front_matter=_front_matter(summary, title),
        title=title,
        config=lm.config,
        is_chat=is_chat,
        summary=summary,
        number=summary.number,
        text=summary.text,
        about=about,
        base=_link(summary.base_model) if summary.base_model else "another model" if summary.base_corpus else "",
        teachers=_teachers(summary.teachers),
        use_it=USE,
        page=page_link(summary.space) if summary.space else "",
        where=where,
        prompt=prompt_of(lm),
        command=shlex.join(["char-lstm", "generate", summary.example, *["--chat"] * is_chat, "--model", where]),
        download=shlex.join(["hf", "download", summary.repo, "--local-dir", folder]) if summary.repo else "",
        plain=plain_torch(folder, known_prompt(lm)),
        check=None if quotes == "nothing" else _loss(lm, samples),
        start=lm.tokenizer.vocab[lm.tokenizer.start_id],
        rows=_rows(summary),
        order=ORDER,
        block=BLOCK,
        evaluations=len(metrics),
        curve=CURVE if Curve("", metrics).is_drawable else "",
        samples=samples,
        quotes=quotes,
        passes=_passes(summary, metrics),
        overlap=overlap,
    )
    return redact(card)


def _loss(lm: CharLSTM, samples: Mapping[float, str]) -> float | None:
    """Returns the loss of the first sample as the card shows it, in nats per character; None if it is not finite."""
    loss = score(lm, markdown_text(prompt_of(lm) + next(iter(samples.values())))).nats
    return loss if math.isfinite(loss) else None


def _front_matter(summary: TrainingSummary, title: str) -> str:
    """Returns the YAML between the dashes, with the measured losses as a model-index."""
    base = summary.base_model.partition("@")[0]
    parent: dict[str, Any] = {"base_model": base, "base_model_relation": "finetune"} if base else {}
    results = [
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
        for field, (protocol, _) in _HELD_OUT.items()
        if (nats := summary.number(field)) is not None
        for kind, unit, value in (("loss", "nats", nats), ("bits-per-character", "bits", bits(nats)))
    ]
    data = ModelCardData(
        language=summary.language or None,
        datasets=summary.datasets or None,
        library_name="char-lstm",
        pipeline_tag="text-generation",
        license=summary.text("license") or "unknown",
        license_name=summary.text("license_name") or None,
        tags=["char-lstm", "lstm", "character-level", "text-generation", "pytorch"],
        model_name=title,
        eval_results=results or None,
        **parent,
    )
    return data.to_yaml().rstrip()


def _link(pinned: str) -> str:
    """Returns USER/NAME@COMMIT as a Markdown link."""
    repo, _, commit = pinned.partition("@")
    return f"[{repo}]({constants.ENDPOINT}/{repo}) at {commit[:7]}"


def _teachers(models: Sequence[str]) -> str:
    """Returns links to teachers, and the number of the others, as in `[ada/a](…) at 1234567 and 2 models`."""
    named = [_link(model) for model in models if model][:_MAX_TEACHERS]
    if rest := len(models) - len(named):
        named.append("a model" if rest == 1 else f"{rest:,} models")
    return " and ".join(filter(None, [", ".join(named[:-1]), *named[-1:]]))


def _rows(summary: TrainingSummary) -> list[tuple[str, ...]]:
    """Returns the table of losses: name, nats, interval, bits, bits per byte; [] if no held-out loss is known."""
    names = {field: f"held-out, {what} (`{protocol}`)" for field, (protocol, what) in _HELD_OUT.items()}
    names |= {"ngram_loss": f"held-out, a {ORDER}-gram counter instead of the LSTM"}
    names |= {"train_loss": "training, with dropout"}
    known = {field: nats for field in names if (nats := summary.number(field)) is not None}
    characters, size = summary.number("validation_characters"), summary.number("validation_bytes")
    rows: list[tuple[str, ...]] = []
    for field, nats in known.items():
        per_byte = f"{bits(nats) * characters / size:.3f}" if characters and size and field != "train_loss" else ""
        rows.append((names[field], f"{nats:.4f}", summary.interval(f"{field}_95"), f"{bits(nats):.3f}", per_byte))
    return rows if known.keys() & _HELD_OUT.keys() else []


def _passes(summary: TrainingSummary, metrics: Metrics) -> int:
    """Returns how often each character of the training part was read, at least 1; 0 if it is not known."""
    seen, length = number(metrics[-1].get("chars")) if metrics else None, summary.number("corpus_characters")
    return max(1, round(seen / (length * (1 - 1 / VALIDATION_PART)))) if seen and length else 0
