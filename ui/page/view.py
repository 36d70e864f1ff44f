"""The views of a conversation, of a film and of what is said of the models: the templates, and the scripts that bring
them to life in the browser."""

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
)  # one after another, the last of which begins
_FILM = ("language.js", "film.js")
_SAID = ("language.js", "said.js")
SCOPES = (_VIEW, _FILM, _SAID)  # each with words.js before it


def make_view(lines: str, elem_id: str, *instead: tuple[str, str]) -> gr.HTML:
    """A view that shows the lines of a conversation.

    Args:
        lines: see ``lines``.
        elem_id: of its element.
        instead: texts of the template, and what stands there instead.
    """
    template = (_HERE / "view.html").read_text()
    for each in instead:
        template = template.replace(*each)
    return gr.HTML(lines, html_template=template, js_on_load=_script(_VIEW), elem_id=elem_id)


def make_film(about: str) -> gr.HTML:
    """The fold that shows the film of a training, where there is one; ``about`` is a line of JSON, see film.js."""
    template = (_HERE / "film.html").read_text()
    return gr.HTML(about, html_template=template, js_on_load=_script(_FILM), elem_id="film")


def make_said(value: str, elem_id: str, **more: Any) -> gr.HTML:
    """Some HTML whose words are told in the visitor's language, whenever they change."""
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
