"""The layout of the page: its controls, and what they show of the models that are served."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from ..conversation.conversation import Conversation, hello
from ..messages import Message
from ..protocol import line
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..registry.welcome import MAX_EXAMPLES
from ..settings import PAGE_SETTINGS, PAGE_SLIDERS
from ..words import as_html, facts_as_html, t, welcome_html
from .second_view import Second
from .view import make_film, make_said, make_slider, make_view

_STATE_TTL_S = 3600

Updates = dict[Any, Any]


class Layout:
    """The controls.

    Args:
        shelf: the models that are served.
        second: the second view; None where there is one model only.
    """

    def __init__(self, registry: ModelRegistry, second: Second | None) -> None:
        self.registry = registry
        self.second = second

    @property
    def inputs(self) -> list[Any]:
        """The controls whose values a reply is written with, in the order of ``input_names``."""
        second = [self.second.choice, self.second.share] if self.second else []
        return [self.model, self.seed, *self.sliders.values(), *second]

    @property
    def input_names(self) -> list[str]:
        """The names of the fields of ``Inputs``, or of generation settings."""
        return ["model", "seed", *self.sliders, *(["second", "share"] if self.second else [])]

    def lay_out(self) -> None:
        """Adds the controls to the Blocks that are being built."""
        self.conversation = gr.State(Conversation(), time_to_live=_STATE_TTL_S)
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=3, min_width=320, elem_id="main"):
                self._lay_out_chat()
            with gr.Column(scale=1, min_width=260, elem_id="settings"):
                self._lay_out_settings()

    def _lay_out_chat(self) -> None:
        site = self.registry.site
        make_said(f"<h1>{html.escape(site.title)}</h1>{welcome_html(site)}", "intro")
        first = self.registry.first()
        self.notices = make_said(elem_id="notices", **self._notices())
        with gr.Row(elem_id="panes"):
            with gr.Column(min_width=0):
                if self.second:
                    self.second.lay_out_name()
                self.view = make_view(hello(first) if first else "", "view")
            if self.second:
                self.second.lay_out_view(_STATE_TTL_S)
        with gr.Row(elem_id="moves"):
            # The classes tell view.js when a button can be pressed; here is what holds at first.
            off: dict[str, Any] = {"size": "sm", "interactive": False, "min_width": 40}
            self.continue_button = gr.Button(t("move.continue"), elem_classes="if-turns", **off)
            self.retry = gr.Button(t("move.retry"), elem_classes="if-turns", **off)
            self.undo = gr.Button(t("move.undo"), elem_classes="if-turns", **off)
            self.clear = gr.Button(t("move.clear"), elem_classes="if-anything", **off)
            self.share = gr.Button(t("move.share"), elem_classes="if-turns", **off)
        with gr.Row(elem_id="ask"):
            self.prompt = gr.Textbox(
                "",
                label=t("page.prompt"),
                show_label=False,
                placeholder=t("page.start"),
                lines=1,
                max_lines=6,
                autofocus=True,
                container=False,
                scale=8,
                min_width=120,
            )
            self.send = gr.Button(t("move.send"), variant="primary", elem_classes="if-idle", min_width=60)
            self.stop = gr.Button(
                t("move.stop"), variant="stop", elem_classes="if-busy", interactive=False, min_width=60
            )
        with gr.Row(elem_id="examples"):
            small: dict[str, Any] = {"size": "sm", "elem_classes": "if-idle", "min_width": 40}
            self.examples = [gr.Button(**small, **each) for each in self._examples(first)]
        self.film = make_film(self._film(first))

    def _lay_out_settings(self) -> None:
        self.model = gr.Dropdown(label=t("setting.model"), filterable=False, elem_id="model", **self._choices())
        self.about = make_said(self._about(self.registry.first()), "about")
        if self.second:
            self.second.lay_out_choice()
        gr.HTML("<p></p>", elem_id="load")

        self.sliders = {name: make_slider(PAGE_SETTINGS[name]) for name in PAGE_SLIDERS}
        self.speed = self.sliders["speed"]
        self.seed = gr.Number(label=t("setting.seed"), placeholder=t("setting.seed.random"))
        self.seed.value = ""  # None would be shown as 0

    def _choices(self) -> dict[str, Any]:
        first = self.registry.first()
        return {"choices": self.registry.names, "value": first.name if first else self.registry.names[0]}

    def _about(self, served: LoadedModel | None) -> str:
        if served is None:
            return as_html(Message("model.coming"))
        return facts_as_html(served.about) + (as_html(served.refused_commit, "p") if served.refused_commit else "")

    def _notices(self) -> dict[str, Any]:
        loading = self.registry.loading
        notices = self.registry.notices + ([Message("model.loading", names=loading)] if loading else [])
        text = "".join(as_html(notice, "p", ' role="status"') for notice in notices)
        return {"value": text, "visible": bool(text)}

    def _examples(self, served: LoadedModel | None) -> list[dict[str, Any]]:
        texts = served.examples if served else ()
        known = [{"value": _label(text), "visible": True} for text in texts]
        return known + [{"value": "", "visible": False}] * (MAX_EXAMPLES - len(known))

    def _film(self, served: LoadedModel | None) -> str:
        """The content of the training timeline: the model and its commit, each of which may have other checkpoints."""
        return line(model=served.name, commit=served.commit) if served else ""

    def _about_updates(self, served: LoadedModel | None) -> Updates:
        """Updates of all controls that describe the chosen model."""
        examples = zip(self.examples, self._examples(served), strict=True)
        return {
            self.about: self._about(served),
            self.film: self._film(served),
            **{button: gr.update(**update) for button, update in examples},
        }


def _label(text: str) -> str:
    """The text of an example's button: the prompt, with its line ends made visible."""
    return text.replace("\n", " ⏎") if text else t("page.anywhere")
