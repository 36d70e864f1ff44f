"""The page's texts for Gradio, which shows each label in the visitor's language.

A label is given to Gradio as ``t("move.send")``: the id of a message in ``web/languages``. What a model writes, names
of models, and the title and greeting that a site's owner has set are never translated.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from pathlib import Path

import gradio as gr
from gradio.i18n import I18nData

from .messages import ENGLISH, LANGUAGES, Message
from .site_config import SiteConfig

SCRIPT = (Path(__file__).parents[1] / "web" / "words.js").read_text(encoding="utf-8")
I18N = gr.I18n(**LANGUAGES)


def t(id: str) -> str:
    """A text of the page for Gradio to show. It can stand inside a longer label.

    Raises:
        KeyError: no text has this id.
    """
    if id not in ENGLISH:
        raise KeyError(id)
    return str(I18nData(id))


def english(label: str) -> str:
    """The English text of a label made by ``t``; any other label as it is."""
    before, _, data = label.partition("__i18n__")
    return ENGLISH[json.loads(data)["key"]] if data and not before else label


def as_html(message: Message, tag: str = "span", attributes: str = "") -> str:
    """An element that ``web/words.js`` shows in the visitor's language, and in English until then."""
    values = html.escape(json.dumps(message.as_json()["values"])) if message.values else ""
    data = f'data-text="{html.escape(message.id)}"' + (f' data-values="{values}"' if values else "")
    return f"<{tag} {data}{attributes}>{html.escape(str(message))}</{tag}>"


def welcome_html(site: SiteConfig) -> str:
    """The line under the page's title: the owner's own, or the usual one in the visitor's language."""
    return f"<p>{html.escape(site.welcome_text)}</p>" if site.welcome_text else as_html(Message("site.greeting"), "p")


def facts_as_html(facts: Iterable[Message]) -> str:
    """Several short facts, with a dot between them."""
    return " · ".join(as_html(fact) for fact in facts)
