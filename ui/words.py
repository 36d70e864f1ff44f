"""The page's words in English and Chinese, by the language of the browser.

English stands in the sources; ``zh.json`` in ``web/``, whose page speaks both too, has the Chinese for each of its
texts. Labels are told to Gradio as ``t("Send")``, and it shows them in the visitor's language; what the view's scripts
say, and what the server says to them, ``words.js`` looks up in the same table, which Gradio hands to the page. What a
model writes, names of models, and an owner's title and greeting are never translated.
"""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr
from gradio.i18n import I18nData

_WEB = Path(__file__).parents[1] / "web"
CHINESE: dict[str, str] = json.loads((_WEB / "languages" / "zh.json").read_text(encoding="utf-8"))
SCRIPT = (_WEB / "words.js").read_text(encoding="utf-8")
I18N = gr.I18n(**{"zh-CN": CHINESE})


def t(text: str) -> str:
    """A text of the page's, for Gradio to show."""
    return str(I18nData(text))


def english(told: str) -> str:
    """The text that was given to ``t``; any other as it is."""
    mark, _, data = told.partition("__i18n__")
    return str(json.loads(data)["key"]) if data and not mark else told
