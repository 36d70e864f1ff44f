"""The model card: valid for the Hub, exact numbers, and no text, name or sample that breaks its Markdown."""

import json
import math
import re
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard, constants
from markdown_it import MarkdownIt

from model import CharLSTM, CharTokenizer, LSTMConfig, LSTMNetwork
from model.checkpoint.record import read_record
from tests.local_hub import LocalHub
from training.card.model_card import render_card, write_card
from training.card.notebook import for_page
from training.card.overlap import Overlap, Source
from training.card.public_text import line, with_page_link

TRAINING: dict[str, Any] = {
    "corpus": "plays.txt",
    "corpus_characters": 1_000_000,
    "line_ends": "\\n",
    "examples": ["ROMEO:", "JULIET:"],
    "step": 2000,
    "seconds": 150.0,
    "val_loss": 1.5,
    "val_loss_95": [1.47, 1.53],
    "val_cold256": 1.53,
    "val_cold256_95": [1.5, 1.56],
    "train_loss": 1.4,
    "ngram_loss": 1.7,
    "ngram_characters": 900_000,
    "validation_characters": 1000,
    "validation_bytes": 1100,
    "int8_cost": 0.00123,
    "license": "cc0-1.0",
    "language": "en",
    "datasets": ["ada/texts"],
    "repo": "ada/plays",
    "base_model": f"ada/base@{'1' * 40}",
    "base_corpus": "sonnets.txt",
    "taught_by": {"models": ["", f"ada/teacher@{'2' * 40}", ""], "sha256": "3" * 64},
    "command": "python -m training plays.txt --push-to ada/plays" + " --teacher runs/a" * 20,
    "python": "3.11.7",
    "torch": "2.13.0",
    "machine": "x86_64, 2 threads",
    "recipe": {"batch": 32, "window": 64, "lr": 0.004, "seed": 1},
}
WEB = Path(__file__).parents[4] / "web"
HOSTILE = [
    "```\n# out\n```",
    "````text\n`````\n~~~~",
    "---\nlicense: mit\n---\n",
    "</pre></code><script>alert(1)</script><img src=x onerror=alert(1)>",
    "\r```\r\n``````\u2028```",
    "nul \0 bell \a escape \x1b[31m override \u202e surrogate \ud800",
    "![x](https://example.org/x.png) [y](javascript:1) $z$ <b> {{ 1 }} {% raw %}",
]


METRICS: list[dict[str, Any]] = [
    {"step": 250 * n, "chars": 500_000 * n, "train_loss": 1.3 + 1 / n, "val_loss": 1.5 + (n - 6) ** 2 / 50}
    for n in range(1, 9)
]


def make_lm(**changes: Any) -> CharLSTM:
    tokenizer = CharTokenizer.from_text("ROMEO: abc\n")
    torch.manual_seed(1)
    network = LSTMNetwork(LSTMConfig(len(tokenizer), embedding_size=4, hidden_size=8, num_layers=2))
    return CharLSTM(network, tokenizer, read_record({**TRAINING, **changes}))


def card_of(sample: str = "a", overlap: Overlap | None = None, **changes: Any) -> str:
    return render_card(make_lm(**changes), METRICS, {0.5: sample}, overlap)


def test_a_card_has_every_number_and_is_read_by_the_hub(tmp_path: Path, hub: LocalHub) -> None:
    write_card(tmp_path, make_lm(), METRICS, about="Plays of 1600.")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "curve.png", "notebook.ipynb"]
    card = ModelCard.load(tmp_path / "README.md")
    card.validate()
    assert card.data.to_dict() == ModelCard(f"---\n{card.data.to_yaml()}\n---\n").data.to_dict()
    data = card.data.to_dict()
    assert (data["library_name"], data["pipeline_tag"], data["license"]) == ("char-lstm", "text-generation", "cc0-1.0")
    assert (data["language"], data["datasets"]) == ("en", ["ada/texts"])
    assert (data["base_model"], data["base_model_relation"], card.data.model_name) == ("ada/base", "finetune", "plays")
    bits = 1.5 / math.log(2)
    results = {result.metric_name: result.metric_value for result in card.data.eval_results or []}
    assert results["nats per character, carried"] == 1.5
    assert results["bits per character, cold256"] == round(1.53 / math.log(2), 4)
    for text in (
        f"fine-tuned from [ada/base]({constants.ENDPOINT}/ada/base) at 1111111, trained on `sonnets.txt`.",
        f"from [ada/teacher]({constants.ENDPOINT}/ada/teacher) at 2222222 and 2 models, whose predictions",
        "## Text\n\nPlays of 1600.\n\n## Use it",
        "CharLSTM.from_pretrained('ada/plays')",
        f"(`carried`) | 1.5000 | 1.470 to 1.530 | {bits:.3f} | {bits / 1.1:.3f} |",
        "| held-out, state reset every 256 characters (`cold256`) | 1.5300 | 1.500 to 1.560 |",
        "| held-out, a 5-gram counter instead of the LSTM | 1.7000 |  |",
        "| training, with dropout | 1.4000 |  | 2.020 |  |",
        "which costs +0.00123 nats.",
        "Temperature 0.5, seed 1, after the prompt `ROMEO:`:\n\n```text\nROMEO:",
        "trained on each character about 4 times.",
        "python -m training plays.txt --push-to ada/plays" + " --teacher runs/a" * 20,
        "- 2,000 steps of 32 × 64 characters; lr 0.004, seed 1",
    ):
        assert text in card.text


def test_a_card_of_nothing_and_of_values_of_wrong_types(tmp_path: Path) -> None:
    lm = make_lm()
    lm.training = {}
    write_card(tmp_path, lm, [])
    card = ModelCard.load(tmp_path / "README.md")
    assert (card.data.license, card.data.eval_results) == ("unknown", None)
    rubbish: dict[str, Any] = dict.fromkeys(TRAINING, float("nan"))
    rubbish |= {"val_loss": "x", "recipe": [1], "examples": [None, 3], "torch": {}, "val_loss_95": [1, None]}
    ModelCard(card_of(**rubbish))
    assert "costs +0.00000 nats" in card_of(int8_cost=-1e-6)


def structure(card: str) -> list[str]:
    """Returns the types of all blocks of a card, and its links, images and HTML."""
    blocks = MarkdownIt("commonmark").enable("table").parse(ModelCard(card).text)
    parts = [part for block in blocks for part in block.children or []]
    kept = ("link_open", "image", "html_inline")
    return [*(block.type for block in blocks), *(f"{part.type} {part.attrs}" for part in parts if part.type in kept)]


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_and_names_stay_in_their_fence_and_on_their_line(text: str) -> None:
    def with_text(text: str) -> str:
        fields = ("corpus", "base_corpus", "machine", "python", "torch", "command", "line_ends", "license")
        more: dict[str, Any] = {"repo": "", "base_model": "", "taught_by": None, "examples": [text], "quotes": "text"}
        return card_of(text, **{**dict.fromkeys(fields, text), **more})

    card = with_text(text)
    assert ModelCard(card).data.to_dict()["license"] == line(text)
    assert structure(card) == structure(with_text("a"))
    assert not re.search("[\x00\x1b\u202e\ud800]", card)


def test_a_card_shows_the_longest_copied_passage() -> None:
    encode = make_lm().tokenizer.encode
    source = Source(make_lm().tokenizer, encode("ab c\nROMEO: abba" * 40), encode("ca" * 30))
    card = card_of(overlap=source.overlap(["RRc\nROMEO: abRR"]), quotes="text")
    assert "samples above (15 characters) that was copied from the last 640 characters" in card
    assert "has 11 characters: `c⏎ROMEO: ab`.\n" in card
    assert "the first 15 held-out characters share a passage of 1 with it." in card
    overlap = Overlap("```|<b>\n", 1200, None, 10_000_000)
    card = card_of(overlap=overlap, quotes="text")
    assert "from the last 10,000,000 characters of the training text has 8 characters: `'''¦<b>⏎`." in card
    assert "For comparison" not in card
    assert "some samples (1,200 characters)" in (closed := card_of(overlap=overlap, quotes="nothing"))
    assert not {"<b>", "Temperature"} & set(re.split(r"[⏎`¦ ]", closed))


def test_a_card_links_to_its_space_and_the_link_can_be_added_or_replaced() -> None:
    card, with_page = card_of(), card_of(space="ada/page")
    assert f"[Watch it write]({constants.ENDPOINT}/spaces/ada/page)" in with_page
    assert "Watch it write" not in card_of(space="javascript:x")
    assert with_page_link(card, "ada/page") == with_page
    assert with_page_link(with_page, "ada/new") == card_of(space="ada/new")
    assert with_page_link("# Written by hand\n", "ada/page") == "# Written by hand\n"


def test_the_page_has_the_code_and_the_notebook_of_the_cards() -> None:
    stored = WEB / "learn" / "hub" / "plain_torch.json"
    assert stored.read_text(encoding="utf-8") == for_page(), f"python -m training.card.notebook > {stored}"


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ({"sharing": "public", "quotes": "text", "corpus": "a.txt"}, {"quotes": "model"}),
        ({"sharing": "unscanned", "quotes": "nothing"}, {"quotes": "nothing"}),
        ({"sharing": "private", "license": "mit"}, {"sharing": "private", "license": "mit", "quotes": "model"}),
    ],
)
def test_a_model_tuned_in_the_notebook_keeps_what_was_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: dict[str, str], kept: dict[str, str]
) -> None:
    """It is tuned on another text, for which nothing was allowed."""
    monkeypatch.chdir(tmp_path)
    *_, keep = json.loads(for_page())["notebook"]["cells"]
    given = {"json": json, "config": {"training": before}, "lstm": torch.nn.LSTM(1, 1), "weights": {}, "around": []}
    (tmp_path / "keep.py").write_text(keep["source"])
    run_path("keep.py", given)
    assert json.loads((tmp_path / "tuned/config.json").read_text())["training"] == kept


def test_a_card_holds_no_access_token() -> None:
    secret = "hf_" + "aB3" * 11
    assert secret not in card_of(f"login {secret}", command=f"x --y {secret}")
