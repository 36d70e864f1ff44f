"""The model card: README.md with front matter that the Hub understands, and the curve as a picture.

Everything in it was measured or noted by the run; what is not known is left out. Two things must hold whatever a text,
a file's name or a sample contains: nothing breaks out of its place (samples stay in their fence, values in their line),
and no path of this machine gets into a card. Knows models and metrics; knows neither the Hub nor the trainer.
"""

from __future__ import annotations

import io
import math
import re
import shlex
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from model import CharLSTM, generate
from model.checkpoint import replace_file

from .hub_process import redact

CARD, CURVE = "README.md", "curve.png"
TEMPERATURES = (0.5, 0.8, 1.1)
SAMPLE_LENGTH = 400
_PROTOCOLS = {
    "carried": "one pass over the validation text, state carried all the way",
    "cold256": "windows of 256 characters, each from a zero state",
}
_KEEP_SLASH = ("--push-to", "--space", "--from")  # options whose value is USER/NAME[@REVISION], if it is no path


@dataclass(frozen=True)
class Sample:
    """What the model wrote: `text` goes on from `prompt`."""

    temperature: float
    prompt: str
    text: str


def write_card(
    folder: Path, lm: CharLSTM, metrics: Sequence[Mapping[str, Any]], samples: Sequence[Sample] | None = None
) -> None:
    """Writes README.md and curve.png into a checkpoint folder, each whole or not at all.

    Args:
        folder: the checkpoint folder of `lm`.
        lm: its `training` is what the card tells of how it was made.
        metrics: lines of metrics.jsonl, oldest first.
        samples: what to show; when None, the model writes them now, with seed 1.

    Raises:
        OSError: the folder cannot be written.
    """
    picture = draw_curve(metrics)
    if picture:
        replace_file(folder / CURVE, picture)
    card = render_card(lm, metrics, write_samples(lm) if samples is None else samples, with_curve=bool(picture))
    replace_file(folder / CARD, redact(card).encode("utf-8", "replace"))


def write_samples(lm: CharLSTM) -> list[Sample]:
    """One sample at each temperature, of a beginning that the text itself uses often, if one was noted."""
    prompt = _prompt_of(lm)
    return [Sample(t, prompt, generate(lm, prompt, SAMPLE_LENGTH, temperature=t, seed=1)) for t in TEMPERATURES]


def render_card(
    lm: CharLSTM, metrics: Sequence[Mapping[str, Any]], samples: Sequence[Sample], *, with_curve: bool
) -> str:
    """The whole README.md."""
    name = _title(lm)
    sections = [
        f"# {_markdown(name)}",
        _introduction(lm),
        "## Use it\n\n" + _usage(lm, samples),
        "## Measured\n\n" + _measured(lm, metrics, with_curve),
        "## What it writes\n\n" + _shown(samples),
        "## What it may have memorised\n\n" + _memorised(lm, metrics),
        "## How it was made\n\n" + _making(lm),
    ]
    return f"---\n{front_matter(lm)}\n---\n\n" + "\n\n".join(sections) + "\n"


# front matter


def front_matter(lm: CharLSTM) -> str:
    """The YAML between the dashes, with the measured numbers as a model-index."""
    data = ModelCardData(
        library_name="char-lstm",
        pipeline_tag="text-generation",
        license=_line(lm.training.get("license")) or "unknown",
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
    characters = _number(lm.training.get("corpus_characters"))
    size = f" ({characters:,.0f} characters)" if characters else ""
    return (
        f"A character LSTM that has read {_code(_corpus(lm))}{size} and writes on in its manner, one character at a "
        f"time. {_parameters(lm):,} parameters: {config.vocab_size:,} characters, embeddings of "
        f"{config.embedding_size:,}, {cells} LSTM cells. Its whole memory of a conversation is the state (h, c): "
        f"{2 * config.num_layers * config.hidden_size:,} numbers."
    ) + _descent(lm)


def _descent(lm: CharLSTM) -> str:
    """What it went on from."""
    base, corpus = _base_model(lm), _line(lm.training.get("base_corpus"))
    if not base and not corpus:
        return ""
    repo, _, commit = base.partition("@")
    model = f"[{repo}](https://huggingface.co/{repo}) at {commit[:7]}" if base else "another model"
    return f" It went on from {model}" + (f", which had read {_code(_base_name(corpus))}." if corpus else ".")


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
    return (
        f"In a checkout of char-lstm, the project that made it:\n\n{fenced(python, 'python')}\n\n"
        f"or in a terminal:\n\n{fenced(shlex.join(words), 'bash')}"
    )


def _measured(lm: CharLSTM, metrics: Sequence[Mapping[str, Any]], with_curve: bool) -> str:
    losses = _losses(lm)
    if not losses:
        return "Nothing was measured yet."
    rows = ["| protocol | nats a character | bits a character |", "|---|---|---|"]
    rows += [f"| `{p}`: {_PROTOCOLS[p]} | {nats:.4f} | {nats / math.log(2):.3f} |" for p, nats in losses.items()]
    train = _number(lm.training.get("train_loss"))
    if train is not None:
        rows.append(f"| while training, dropout on | {train:.4f} | {train / math.log(2):.3f} |")
    read = _number(lm.training.get("validation_characters"))
    part = f"{read:,.0f} characters of the last tenth" if read else "the last tenth"
    text = "\n".join(rows) + f"\n\nMeasured on {part} of the text, which it was not trained on."
    if len(metrics) > 1:
        text += (
            f" It is the best of {len(metrics)} evaluations by `carried` on that very text, so it flatters a little."
        )
    cost = _number(lm.training.get("int8_cost"))
    if cost is not None:
        text += f" Writing goes in 8 bits, the same on every machine; that costs {cost:+.5f} nats."
    return text + (f"\n\n![Loss over characters seen]({CURVE})" if with_curve else "")


def _shown(samples: Sequence[Sample]) -> str:
    blocks = [
        f"Temperature {sample.temperature:g}, seed 1"
        + (f", after {_code(sample.prompt)}" if sample.prompt.strip() else "")
        + f":\n\n{fenced(sample.prompt + sample.text, 'text')}"
        for sample in samples
    ]
    return "\n\n".join(blocks)


def _memorised(lm: CharLSTM, metrics: Sequence[Mapping[str, Any]]) -> str:
    base = " and that of the model it went on from" if _descent(lm) else ""
    text = (
        f"It knows nothing but its text{base}, and can write passages of it word for word: names, addresses or "
        "anything else that stands there. Whoever may not have the text should not have the model. What it says is "
        "not true because it says so."
    )
    seen, length = _number(metrics[-1].get("chars")) if metrics else None, _number(lm.training.get("corpus_characters"))
    if seen and length:
        text += f" It has read each character about {max(1, round(seen / (0.9 * length))):,} times."
    license_name = _line(lm.training.get("license")) or "unknown"
    if license_name == "unknown":
        text += " The text's licence was not stated."
    return text


def _making(lm: CharLSTM) -> str:
    about = lm.training
    facts = []
    if command := _line(about.get("command")):
        facts.append(fenced(public_command(command), "bash"))
    seconds = _number(about.get("seconds"))
    if seconds is not None:
        facts.append(f"- {seconds / 60:.1f} minutes on {_markdown(_line(about.get('machine')) or 'one machine')}")
    if (step := _number(about.get("step"))) is not None:
        facts.append(f"- {step:,.0f} steps" + _recipe(about.get("recipe")))
    versions = [f"{name} {_markdown(_line(about[name]))}" for name in ("python", "torch") if about.get(name)]
    if versions:
        facts.append(f"- {', '.join(versions)}")
    if ends := _line(about.get("line_ends")):
        facts.append(f"- line ends are {_code(ends)}, whatever they were in the files")
    return "\n".join(facts[:1]) + ("\n\n" if len(facts) > 1 else "") + "\n".join(facts[1:]) if facts else "Not noted."


def _recipe(recipe: object) -> str:
    if not isinstance(recipe, Mapping):
        return ""
    batch, window = _number(recipe.get("batch")), _number(recipe.get("window"))
    size = f" of {batch:,.0f} × {window:,.0f} characters" if batch and window else ""
    names = ("lr", "matrix_lr", "weight_decay", "dropout_in", "dropout_between", "dropout_out", "average", "seed")
    rest = [f"{name} {value:.4g}" for name in names if (value := _number(recipe.get(name))) is not None]
    return size + (f"; {', '.join(rest)}" if rest else "")


# the picture


def draw_curve(metrics: Sequence[Mapping[str, Any]]) -> bytes:
    """A PNG of training and validation loss over the characters seen; b"" without two points or without matplotlib."""
    points = [line for line in metrics if _number(line.get("chars")) and _number(line.get("val_loss"))]
    if len(points) < 2:
        return b""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:  # training works without it; the card then has no picture
        return b""
    seen = [line["chars"] / 1e6 for line in points]
    figure = Figure(figsize=(8, 4.5), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    train = [(x, y) for x, line in zip(seen, points, strict=True) if (y := _number(line.get("train_loss")))]
    if train:
        axes.plot(*zip(*train, strict=True), color="#9aa5b1", linewidth=1.6, label="training, dropout on")
    loss = [line["val_loss"] for line in points]
    axes.plot(seen, loss, color="#1f6feb", linewidth=2.2, marker="o", markersize=3.5, label="validation, carried")
    best = min(range(len(loss)), key=loss.__getitem__)
    axes.scatter([seen[best]], [loss[best]], s=70, facecolors="none", edgecolors="#d1242f", linewidths=1.8, zorder=3)
    axes.annotate(
        f"best {loss[best]:.3f} nats\n{loss[best] / math.log(2):.3f} bits",
        (seen[best], loss[best]),
        xytext=(-10, 22),
        textcoords="offset points",
        ha="right",
        color="#d1242f",
        fontsize=9,
    )
    _dress(axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def _dress(axes: Any) -> None:
    axes.set_xlabel("characters seen, millions")
    axes.set_ylabel("loss, nats a character")
    axes.set_xlim(left=0)
    axes.grid(True, color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    bits = axes.secondary_yaxis("right", functions=(lambda nats: nats / math.log(2), lambda b: b * math.log(2)))
    bits.set_ylabel("bits a character")
    bits.spines["right"].set_visible(False)
    axes.legend(frameon=False, loc="upper right")


# what may stand in a card


def fenced(text: str, language: str) -> str:
    """`text` as a fenced block that nothing inside can end: the fence is longer than any run of backticks in it."""
    text = _visible(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def public_command(command: str) -> str:
    """A command line with every path cut down to its last name; repos stay, and addresses without their secrets."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    shown = []
    for before, word in zip(["", *words], words, strict=False):
        option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        if "://" in value:
            value = re.sub(r"//[^/@]*@", "//", value).partition("?")[0]  # a password or a signature may stand there
        elif (option or before) not in _KEEP_SLASH or not re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", value):
            value = _base_name(value)
        shown.append(f"{option}{equals}{value}")
    return shlex.join(shown)


def _base_name(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _visible(text: str) -> str:
    """`text` without what a page cannot show or what could turn it around: control and bidi characters, surrogates."""
    text = re.sub(r"\r\n?", "\n", text)
    hidden = {"Cc", "Cs"}
    bidi = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    return "".join(
        "\ufffd" if (unicodedata.category(c) in hidden and c not in "\n\t") or c in bidi else c for c in text
    )


def _line(value: object) -> str:
    """A noted value as one line of at most 200 visible characters; "" when it is not text or a number."""
    return " ".join(_visible(str(value)).split())[:200] if isinstance(value, (str, int, float)) else ""


def _markdown(text: str) -> str:
    """One line of plain text, with everything escaped that Markdown or HTML would take for its own."""
    return re.sub(r"([\\`*\[\]<>|~$&]|(?<!\w)_|_(?!\w))", r"\\\1", text)


def _code(text: str) -> str:
    """One line as inline code, also inside a table."""
    return "`" + _line(text).replace("`", "'").replace("|", "¦") + "`"


def _number(value: object) -> float | None:
    """A noted value as a finite number, or None."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None  # type: ignore[arg-type]


def _losses(lm: CharLSTM) -> dict[str, float]:
    """Nats a character under each protocol that was measured."""
    noted = {"carried": lm.training.get("val_loss"), "cold256": lm.training.get("val_cold256")}
    return {protocol: value for protocol, nats in noted.items() if (value := _number(nats)) is not None}


def _repo(lm: CharLSTM) -> str:
    """USER/NAME where the model is pushed, or ""."""
    repo = _line(lm.training.get("repo"))
    return repo if re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII) else ""


def _base_model(lm: CharLSTM) -> str:
    """USER/NAME@COMMIT of the model it went on from, or ""."""
    base = _line(lm.training.get("base_model"))
    return base if re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", base, re.ASCII) else ""


def _corpus(lm: CharLSTM) -> str:
    return _base_name(_line(lm.training.get("corpus"))) or "a text"


def _title(lm: CharLSTM) -> str:
    return _repo(lm).rpartition("/")[2] or _corpus(lm)


def _prompt_of(lm: CharLSTM) -> str:
    """What samples go on from: a beginning that the text often uses; of a chat, a turn of it."""
    return lm.chat.wrap(_example(lm)) if lm.chat else _example(lm)


def _example(lm: CharLSTM) -> str:
    examples: Iterable[object] = lm.training.get("examples") or ()
    return next((_line(example) for example in examples if _line(example)), "")


def _parameters(lm: CharLSTM) -> int:
    return sum(parameter.numel() for parameter in lm.network.parameters())
