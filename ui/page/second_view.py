"""The view of a second model, side by side with the first: its controls and what they do. Only where several models
are served. ``page`` connects them."""

from __future__ import annotations

import functools
import html
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import gradio as gr

from model import SamplingParams
from model.engine.blend import DEFAULT_SHARE

from ..conversation import moves, side_by_side
from ..conversation.conversation import Conversation, hello
from ..conversation.side_by_side import NOBODY, Companion
from ..messages import Message, RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..routes.streams import Streams
from ..settings import PAGE_SETTINGS
from ..words import t
from .view import make_slider, make_view

log = logging.getLogger("char-lstm")

Updates = dict[Any, Any]
Handler = Callable[..., Awaitable[Updates]]
_NAMES = (
    ("page.conversation", "second.conversation"),
    ("lens.group", "second.lens"),
)


class Second:
    """The second view and the choice of its model.

    Args:
        registry: the models that are served.
        streams: the streams that the views read replies from.
    """

    def __init__(self, registry: ModelRegistry, streams: Streams) -> None:
        self._registry = registry
        self._streams = streams

    def lay_out_name(self) -> None:
        """Adds the name of the first model, which is shown while there are two views."""
        self.first_name = gr.HTML("", elem_classes="by")

    def lay_out_view(self, ttl_s: int) -> None:
        self.conversation = gr.State(Companion(), time_to_live=ttl_s)
        with gr.Column(min_width=0, visible=False, elem_id="second") as self.column:
            self.name = gr.HTML("", elem_classes="by")
            self.view = make_view("", "second-view", *_NAMES)

    def lay_out_choice(self) -> None:
        names = _choices(self._registry.names)
        self.choice = gr.Dropdown(names, value=NOBODY, label=t("second.choice"), filterable=False)
        self.share = make_slider(PAGE_SETTINGS["share"], value=DEFAULT_SHARE, visible="hidden")

    def arrived(self) -> Updates:
        """The choice among the models that are served now, for a visitor who arrives."""
        return {self.choice: gr.update(choices=_choices(self._registry.names))}

    def written_by(self, served: LoadedModel, params: SamplingParams) -> Updates:
        """The choice that a reply was written with."""
        if not served.parts:
            return {}
        return {self.choice: side_by_side.as_blend(served.parts[1].name), self.share: served.share_of(params)}

    def instead_of(self, first_view: gr.HTML, handler: Handler) -> Handler:
        """A handler of the first view, for this view."""

        @functools.wraps(handler)
        async def for_this_view(*values: Any, **named: Any) -> Updates:
            updates = await handler(*values, **named)
            return {self.view if each is first_view else each: update for each, update in updates.items()}

        return for_this_view

    def follower(self, step: side_by_side.Follow) -> Handler:
        """The handler that makes the second model do what the first conversation has just done."""

        async def follow(
            first: Conversation, conversation: Companion, speed: object, choice: object, request: gr.Request
        ) -> Updates:
            try:
                served = side_by_side.chosen(choice, self._registry)
                client_id = request.session_hash or ""
                if served is None or not conversation.follow(first, served, step, speed=speed, client_id=client_id):
                    return {self.view: gr.skip()}
                return {self.view: conversation.streaming_view(self._streams.open(conversation.turns[-1]))}
            except RefusalError as refusal:
                conversation.refusal = refusal.message
            except Exception:
                log.exception("the second model's reply could not be written")
                conversation.refusal = Message("fault.again")
            return {self.view: conversation.view()}

        return follow

    async def on_walk(self, first: Conversation, conversation: Companion) -> Updates:
        """Shows the turns that belong to those which the first view shows now."""
        if conversation.writing or not conversation.answered:
            return {self.view: gr.skip()}
        conversation.stand_as(first)
        return {self.view: conversation.view()}

    async def on_model(self, model: object) -> Updates:
        return {self.first_name: _name(model)}

    async def on_choice(self, conversation: Companion, choice: object, model: object) -> Updates:
        """Begins an empty conversation with another second model, or hides the view."""
        moves.stop(conversation)
        if not conversation.writing:
            conversation.clear()
        share = {self.share: gr.update(visible=True if side_by_side.is_blend(choice) else "hidden")}
        try:
            served = side_by_side.chosen(choice, self._registry)
        except RefusalError as refusal:
            conversation.refusal = refusal.message
            return {**share, self.column: gr.update(visible=True), self.view: conversation.view()}
        if served is None:
            return {**share, self.column: gr.update(visible=False)}
        names = {self.first_name: _name(model), self.name: _name(served.name)}
        return {**share, **names, self.column: gr.update(visible=True), self.view: conversation.view(hello(served))}


def _choices(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each way to use another model: what the page calls it, and its value."""
    views = [(f"{name}, {t('second.beside')}", name) for name in names]
    blended = [(f"{name}, {t('second.blended')}", side_by_side.as_blend(name)) for name in names]
    return [(t("second.none"), NOBODY), *views, *blended]


def _name(model: object) -> str:
    return f"<p>{html.escape(str(model))}</p>"
