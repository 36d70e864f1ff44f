"""The page's words: what is said is said in both languages, and nothing is translated that nobody says."""

from __future__ import annotations

import re

from tests.support.page_texts import CHINESE, ROOT, VALUE, in_documents, in_programs, in_scripts, plain, told_to_gradio
from ui.settings import PAGE_SETTINGS

UI = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "ui").rglob("*.py"))]
# What they say reaches the page through ui/: refusals, unknown characters, and the names of cells.
BEHIND = ["model/settings.py", "model/tokenizer.py", "training/card/cell_features.py"]
NAMES = {"char-lstm", "python -m http.server"}  # the same in every language


def test_what_the_page_says_is_said_in_chinese_too() -> None:
    shown = {text for text, surely in in_scripts("web") if surely}
    shown |= set(in_documents("web")) | set(told_to_gradio(*UI))
    shown |= {text for setting in PAGE_SETTINGS.values() if setting.slider for text in (setting.label, setting.help)}
    assert shown - CHINESE.keys() - NAMES == set()
    assert {"Send", "Go on from here", "{} bits", "Watch it learn"} <= shown


def test_nothing_is_translated_that_is_not_said() -> None:
    said = {text for text, _ in in_scripts("web")} | set(in_documents("web"))
    said |= set(in_programs(*UI, *BEHIND))
    assert {text for text in CHINESE if plain(text) not in {plain(each) for each in said}} == set()


def places(text: str) -> set[int]:
    """Which values are told in a text: those with a number by it, the others in their order."""
    marks = [mark[1:-1] for mark in VALUE.findall(text)]
    return {int(mark) if mark.isdigit() else at for at, mark in enumerate(marks)}


def test_the_values_of_a_text_are_in_both_languages() -> None:
    """All of them, but for what makes a plural in English: {} writing, {} other{}."""
    for english, chinese in CHINESE.items():
        plurals = {
            at for at, mark in enumerate(VALUE.finditer(english)) if re.search(r"[a-z]\{\}$", english[: mark.end()])
        }
        assert places(chinese) <= places(english), (english, chinese)
        assert places(english) - plurals <= places(chinese), (english, chinese)


def test_a_translation_is_chinese() -> None:
    names = {"Top-k", "Top-p", "Min-p"}
    assert {text for text in CHINESE if not re.search("[\u4e00-\u9fff]", CHINESE[text])} == names
