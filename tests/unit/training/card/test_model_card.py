"""The model card: valid for the Hub, exact numbers, and no text, name or sample that breaks its Markdown."""

from __future__ import annotations

import importlib.util
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, ModelCardData, constants

from model import CharLSTM, CharTokenizer, LSTMConfig, LSTMNetwork
from model.checkpoint.record import read_record
from tests.local_hub import LocalHub
from training.card import model_card
from training.card.escape import code_block, with_page_link
from training.card.model_card import CardSample, render_card, write_card
from training.card.overlap import Overlap, Source
from training.card.redact import redact_command

TRAINING: dict[str, Any] = {
    "corpus": "plays.txt",
    "corpus_characters": 1_000_000,
    "line_ends": "\\n",
    "examples": ["ROMEO:", "JULIET:"],
    "step": 2000,
    "seconds": 150.0,
    "val_loss": 1.5,
    "val_bpc": 1.5 / math.log(2),
    "val_cold256": 1.53,
    "train_loss": 1.4,
    "license": "cc0-1.0",
    "repo": "ada/plays",
    "command": "python -m training /home/ada/secret/plays.txt --minutes 2 --push-to ada/plays",
    "python": "3.11.7",
    "torch": "2.13.0",
    "machine": "x86_64, 2 threads",
    "recipe": {"batch": 32, "window": 64, "lr": 0.004, "seed": 1},
}
HOSTILE = [
    "```\n# out\n```",
    "````text\n`````\n~~~~",
    "---\nlicense: mit\n---\n",
    "</pre></code><script>alert(1)</script><img src=x onerror=alert(1)>",
    "\r```\r\n``````\u2028```",
    "nul \0 bell \a escape \x1b[31m override \u202e surrogate \ud800",
    "![x](https://example.org/x.png) [y](javascript:1) $z$ <b>",
]


def make_lm(**changes: Any) -> CharLSTM:
    tokenizer = CharTokenizer.from_text("ROMEO: abc\n")
    network = LSTMNetwork(LSTMConfig(len(tokenizer), embedding_size=4, hidden_size=8, num_layers=2))
    return CharLSTM(network, tokenizer, read_record({**TRAINING, **changes}))


def make_metrics(count: int = 8) -> list[dict[str, Any]]:
    return [
        {"step": 250 * n, "chars": 500_000 * n, "train_loss": 1.3 + 1 / n, "val_loss": 1.5 + (n - 6) ** 2 / 50}
        for n in range(1, count + 1)
    ]


def outside_fences(card: str) -> str:
    """Returns a card without its fenced blocks and inline code, as CommonMark reads it."""
    kept, fence = [], ""
    for line in re.split(r"\r\n|\r|\n", card):
        mark = re.match(r" {0,3}(`{3,})", line)
        if fence:
            if mark and len(mark[1]) >= len(fence) and not line.strip().strip("`"):
                fence = ""
        elif mark and "`" not in line[mark.end() :]:
            fence = mark[1]
        else:
            kept.append(re.sub(r"`[^`]*`", "", line))
    assert not fence, "a fence is never closed"
    return "\n".join(kept)


def test_a_card_is_written_with_its_picture_and_read_by_the_hub(tmp_path: Path) -> None:
    write_card(tmp_path, make_lm(), make_metrics())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "curve.png"]
    card = ModelCard.load(tmp_path / "README.md")
    data = card.data.to_dict()
    assert (data["library_name"], data["pipeline_tag"], data["license"]) == ("char-lstm", "text-generation", "cc0-1.0")
    results = {result.metric_name: result.metric_value for result in card.data.eval_results}
    assert results["nats per character, carried"] == 1.5
    assert results["bits per character, cold256"] == round(1.53 / math.log(2), 4)
    assert card.data.model_name == "plays"
    assert card.text.count("Temperature ") == 3
    assert "CharLSTM.from_pretrained('ada/plays')" in card.text
    assert "2.5 minutes on x86_64, 2 threads" in card.text
    assert "![Loss over characters seen](curve.png)" in card.text


def test_the_hub_takes_its_front_matter(hub: LocalHub) -> None:
    ModelCard(render_card(make_lm(), make_metrics(), [], with_curve=False)).validate()
    strange = make_lm(corpus='a: "b" # {c}\n---\n', repo="", license='my: "own"\n---')
    card = ModelCard(render_card(strange, [], [], with_curve=False))
    data = card.data.to_dict()
    assert data["license"] == 'my: "own" ---'
    assert data["model-index"][0]["name"] == 'a: "b" # {c} ---'
    with pytest.raises(ValueError, match="license"):
        card.validate()


def test_a_run_that_notes_nothing_has_a_card(tmp_path: Path) -> None:
    lm = make_lm()
    lm.training = {}
    write_card(tmp_path, lm, [])
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.license == "unknown"
    assert card.data.eval_results is None
    assert "Nothing was measured yet." in card.text
    assert "CharLSTM.from_pretrained('.')" in card.text
    assert not (tmp_path / "curve.png").exists()


def test_a_card_says_what_int8_weights_cost() -> None:
    assert "costs +0.00123 nats" in render_card(make_lm(int8_cost=0.00123), make_metrics(), [], with_curve=True)
    assert "costs +0.00000 nats" in render_card(make_lm(int8_cost=-1e-6), make_metrics(), [], with_curve=True)
    assert "int8" not in render_card(make_lm(), make_metrics(), [], with_curve=True)


def test_notes_of_wrong_types_are_left_out() -> None:
    rubbish = dict.fromkeys(TRAINING, float("nan")) | {
        "val_loss": "x",
        "recipe": [1],
        "examples": [None, 3],
        "torch": {},
    }
    ModelCard(render_card(make_lm(**rubbish), make_metrics(), [], with_curve=True))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_sample_stays_in_its_fence(text: str, tmp_path: Path) -> None:
    samples = [CardSample(0.5, "", text), CardSample(0.8, text, text)]
    plain = render_card(
        make_lm(), make_metrics(), [CardSample(0.5, "", "a"), CardSample(0.8, "b", "c")], with_curve=True
    )
    hostile = render_card(make_lm(), make_metrics(), samples, with_curve=True)
    assert outside_fences(hostile) == outside_fences(plain)
    write_card(tmp_path, make_lm(), make_metrics(), samples)
    assert ModelCard.load(tmp_path / "README.md").data.license == "cc0-1.0"


@pytest.mark.parametrize("text", HOSTILE)
def test_names_stay_on_their_line(text: str) -> None:
    lm = make_lm(corpus=text, repo="", machine=text, python=text, command=text, line_ends=text, examples=[text])
    outside = outside_fences(render_card(lm, make_metrics(), [], with_curve=True))
    body = outside.split("\n---\n", 1)[1]
    headings = [line for line in body.splitlines() if line.startswith("#")]
    assert len(headings) == 6
    assert not re.search(r"(?<!\\)<\w|(?<!\\)\]\((?!curve\.png\))|\x1b|\x00", body)


def test_a_card_holds_no_local_path() -> None:
    lm = make_lm(corpus="/home/ada/secret/plays.txt")
    card = render_card(lm, make_metrics(), [], with_curve=True)
    assert "plays.txt" in card
    assert "secret" not in card
    assert "/home" not in card


def test_a_card_holds_no_access_token(tmp_path: Path) -> None:
    secret = "hf_" + "aB3" * 11
    write_card(tmp_path, make_lm(command=f"x --y {secret}"), [], [CardSample(0.5, "", f"login {secret}")])
    assert secret not in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("python -m training /a/b/c.txt --out=/x/y", "python -m training c.txt --out=y"),
        (r"python -m training 'C:\Users\ada\my text.txt'", "python -m training 'my text.txt'"),
        ("python -m training ~/a.txt --resume runs/a", "python -m training a.txt --resume a"),
        ("x --push-to ada/plays --space=ada/chat", "x --push-to ada/plays --space=ada/chat"),
        ("x https://ada:pw@host.org/a/b.txt?key=1", "x https://host.org/a/b.txt"),
        ("x hf://datasets/a/b/c.txt 'unclosed", "x hf://datasets/a/b/c.txt ''\"'\"'unclosed'"),
    ],
)
def test_commands_are_shown_without_paths(command: str, shown: str) -> None:
    assert redact_command(command) == shown


def test_a_long_command_is_shown_whole() -> None:
    command = "python -m training a.txt " + " ".join(f"--teacher r{number}" for number in range(30))
    assert command in render_card(make_lm(command=command), [], [], with_curve=False)


def test_a_fence_is_longer_than_any_fence_inside() -> None:
    assert code_block("a", "text") == "```text\na\n```"
    assert code_block("x ````` y", "text").startswith("``````text\n")


def test_the_table_shows_every_number() -> None:
    lm = make_lm(
        val_loss_95=[1.47, 1.53],
        val_cold256_95=[1.5, 1.56],
        validation_characters=1000,
        validation_bytes=1100,
        ngram_loss=1.7,
        ngram_characters=900_000,
    )
    card = render_card(lm, make_metrics(), [], with_curve=True)
    bits = 1.5 / math.log(2)
    carried = next(row for row in card.splitlines() if "(`carried`)" in row)
    assert carried.split(" | ")[1:] == ["1.5000", "1.470 to 1.530", f"{bits:.3f}", f"{bits / 1.1:.3f} |"]
    assert "| held-out, state reset every 256 characters (`cold256`) | 1.5300 | 1.500 to 1.560 |" in card
    baseline = next(row for row in card.splitlines() if "a 5-gram counter instead" in row)
    assert baseline.split(" | ")[1:3] == ["1.7000", ""]
    assert "counted the last 900,000 characters" in card
    assert "blocks of at most 1,000 characters" in card
    assert "The LSTM is 0.2000 nats better than a 5-gram counter (1.7000)." in card


def test_a_card_shows_the_longest_copied_passage(tmp_path: Path) -> None:
    lm = make_lm(quotes="text")
    text = "ab c\nROMEO: abba" * 40
    source = Source(lm.tokenizer, lm.tokenizer.encode(text), lm.tokenizer.encode("ca" * 30))
    write_card(tmp_path, lm, [], [CardSample(0.5, "R", "RRc\nROMEO: abRR")], source)
    card = (tmp_path / "README.md").read_text()
    assert "samples above (15 characters) that was copied from the training text" in card
    assert "has 11 characters: `c⏎ROMEO: ab`. For comparison: held-out text of the same length shares 1 " in card


def test_a_card_says_when_only_a_part_was_searched() -> None:
    overlap = Overlap("```|<b>\n", 1200, None, 10_000_000, whole=False)
    card = render_card(make_lm(quotes="text"), [], [], with_curve=False, overlap=overlap)
    assert "from the last 10,000,000 characters of the training text has 8 characters: `'''¦<b>⏎`." in card
    assert "For comparison" not in card


def test_the_results_survive_a_round_trip_through_yaml() -> None:
    """With the Hub's own classes."""
    data = ModelCard(render_card(make_lm(), make_metrics(), [], with_curve=False)).data
    assert ModelCard(f"---\n{data.to_yaml()}\n---\n").data.to_dict() == data.to_dict()
    assert isinstance(data, ModelCardData)
    results = data.eval_results or []
    assert {result.task_type for result in results} == {"text-generation"}
    assert [result.metric_value for result in results if result.metric_type == "loss"] == [1.5, 1.53]


def test_a_card_links_to_its_space() -> None:
    lead = f"[Watch it write]({constants.ENDPOINT}/spaces/ada/page)"
    assert lead in render_card(make_lm(space="ada/page"), [], [], with_curve=False)
    assert "Watch it write" not in render_card(make_lm(space="javascript:x"), [], [], with_curve=False)


def test_the_link_to_a_space_is_added_or_replaced() -> None:
    card = render_card(make_lm(), [], [], with_curve=False)
    with_page = with_page_link(card, "ada/page")
    assert with_page == render_card(make_lm(space="ada/page"), [], [], with_curve=False)
    assert with_page_link(with_page, "ada/new") == render_card(make_lm(space="ada/new"), [], [], with_curve=False)
    assert with_page_link("# Written by hand\n", "ada/page") == "# Written by hand\n"


def test_the_imports_of_a_card_can_be_done_before() -> None:
    program = "import sys; from training.card import model_card as it; before = set(sys.modules); it.import_libraries()"
    loaded = f"{program}; print(*sorted({{'matplotlib.figure', 'numba'}} & set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [name for name in ("matplotlib.figure", "numba") if has(name)]


def has(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def test_without_matplotlib_a_card_has_no_curve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    model_card.import_libraries()
    write_card(tmp_path, make_lm(), make_metrics(), samples=[])
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
