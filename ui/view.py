"""The views of a conversation and of a film: the templates, and the scripts that bring them to life in the browser."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

_HERE = Path(__file__).parent
SCRIPTS = (
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


def make_view(lines: str, elem_id: str, *instead: tuple[str, str]) -> gr.HTML:
    """A view that shows the lines of a conversation.

    Args:
        lines: see ``conversation``.
        elem_id: of its element.
        instead: texts of the template, and what stands there instead.
    """
    template = (_HERE / "view.html").read_text()
    for each in instead:
        template = template.replace(*each)
    script = "\n".join((_HERE / name).read_text() for name in SCRIPTS)
    return gr.HTML(lines, html_template=template, js_on_load=script, elem_id=elem_id)


def make_film(about: str) -> gr.HTML:
    """The fold that shows the film of a training, where there is one; ``about`` is a line of JSON, see film.js."""
    template, script = (_HERE / "film.html").read_text(), (_HERE / "film.js").read_text()
    return gr.HTML(about, html_template=template, js_on_load=script, elem_id="film")
