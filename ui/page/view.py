"""The page's own HTML components: templates from ``web/app`` and the scripts that run when they are mounted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from model.settings import Setting

from ..words import SCRIPT, t

_HERE = Path(__file__).parents[2] / "web" / "app"
_VIEW = (
    "language.js",
    "lens.js",
    "lens_surprise.js",
    "lens_memory.js",
    "lens_hand.js",
    "lens_step.js",
    "links.js",
    "rewind.js",
    "branches.js",
    "news.js",
    "view.js",
)  # joined into one scope; the last one starts the view
_FILM = ("language.js", "film.js")
_SAID = ("language.js", "said.js")
SCOPES = (_VIEW, _FILM, _SAID)  # each with words.js before it


def make_view(lines: str, elem_id: str, *instead: tuple[str, str]) -> gr.HTML:
    """A view of a conversation.

    Args:
        lines: its content, in the lines of ``ui/protocol.py``.
        elem_id: the id of its element.
        instead: texts of the template and their replacements.
    """
    template = (_HERE / "view.html").read_text()
    for each in instead:
        template = template.replace(*each)
    return gr.HTML(lines, html_template=template, js_on_load=_script(_VIEW), elem_id=elem_id)


def make_film(about: str) -> gr.HTML:
    """The training timeline, hidden for a model that has none; ``about`` is a line of JSON, see film.js."""
    template = (_HERE / "film.html").read_text()
    return gr.HTML(about, html_template=template, js_on_load=_script(_FILM), elem_id="film")


def make_said(value: str, elem_id: str, **more: Any) -> gr.HTML:
    """HTML whose ``data-text`` elements are shown in the visitor's language (``ui.words.as_html``)."""
    return gr.HTML(value, js_on_load=_script(_SAID), elem_id=elem_id, **more)


def make_slider(setting: Setting, **more: Any) -> gr.Slider:
    """The slider of a generation setting. Its element has the setting's name, by which the scripts find it."""
    if setting.slider is None:
        raise ValueError(f"{setting.name} has no slider")
    low, high, step = setting.slider
    id = f"setting.{setting.name}"
    texts: dict[str, Any] = {"label": t(id), "info": t(f"{id}.help"), "elem_id": setting.name}
    return gr.Slider(low, high, **{"value": setting.default, **more}, step=step, buttons=[], **texts)


def _script(names: tuple[str, ...]) -> str:
    return "\n".join([SCRIPT, *((_HERE / name).read_text(encoding="utf-8") for name in names)])
