"""The page's second view: the controls of ``beside``. There only where several models are served."""

from __future__ import annotations

import functools
import html
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import gradio as gr

from model import SamplingParams
from model.engine.blend import DEFAULT_SHARE

from ..conversation import side_by_side as beside
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
_NAMES = (
    ("page.conversation", "second.conversation"),
    ("lens.group", "second.lens"),
)


class FirstView(Protocol):
    """What the second view needs of the page: its controls, and the handlers of the first view."""

    registry: ModelRegistry
    streams: Streams
    view: gr.HTML
    conversation: gr.State
    model: gr.Dropdown
    speed: gr.Slider
    stop: gr.Button
    clear: gr.Button

    async def on_settle(
        self, conversation: Conversation, speed: object, event: gr.EventData, request: gr.Request
    ) -> Updates: ...

    async def on_look(self, conversation: Conversation, event: gr.EventData) -> None: ...

    async def on_stop(self, conversation: Conversation) -> None: ...

    async def on_clear(self, conversation: Conversation, model: object) -> Updates: ...


class Second:
    """The second view, its choice and what they do.

    Args:
        page: whose first view it follows.
    """

    def __init__(self, page: FirstView) -> None:
        self._page = page

    def lay_out_name(self) -> None:
        """Above the first view, while there are two."""
        self.first_name = gr.HTML("", elem_classes="by")

    def lay_out_view(self, ttl_s: int) -> None:
        self.conversation = gr.State(Companion(), time_to_live=ttl_s)
        with gr.Column(min_width=0, visible=False, elem_id="second") as self.column:
            self.name = gr.HTML("", elem_classes="by")
            self.view = make_view("", "second-view", *_NAMES)

    def lay_out_choice(self) -> None:
        names = _choices(self._page.registry.names)
        self.choice = gr.Dropdown(names, value=NOBODY, label=t("second.choice"), filterable=False)
        self.share = make_slider(PAGE_SETTINGS["share"], value=DEFAULT_SHARE, visible="hidden")

    def arrived(self) -> Updates:
        """What a visitor who arrives is shown: the choice among those that are served by now."""
        return {self.choice: gr.update(choices=_choices(self._page.registry.names))}

    def written_by(self, served: LoadedModel, params: SamplingParams) -> Updates:
        """The choice as it was for what a link had written."""
        if not served.parts:
            return {}
        return {self.choice: beside.as_blend(served.parts[1].name), self.share: served.share_of(params)}

    def wire(self, after: Mapping[beside.Follow, Sequence[Any]], walked: Sequence[Any], **at_once: Any) -> None:
        """Connects the controls.

        Args:
            after: what is to be followed, and the events after which it is.
            walked: events after which the first view shows another turn that there was.
            at_once: how Gradio is to treat the events.
        """
        page = self._page
        shared = [page.conversation, self.conversation, page.speed, self.choice]
        for step, events in after.items():
            for event in events:
                event.then(self._follower(step), shared, self.view, **at_once)
        view: Any = self.view
        speed = [self.conversation, page.speed]
        view.settle(self._here(page.on_settle), speed, view, trigger_mode="multiple", **at_once)
        view.look(page.on_look, self.conversation, None, trigger_mode="multiple", **at_once)
        page.stop.click(page.on_stop, self.conversation, None, **at_once)
        for event in walked:
            event.then(self.on_walk, [page.conversation, self.conversation], view, **at_once)
        page.clear.click(self._here(page.on_clear), [self.conversation, self.choice], view, **at_once)
        chosen = [self.column, self.share, self.first_name, self.name, view]
        self.choice.change(self.on_choice, [self.conversation, self.choice, page.model], chosen, **at_once)
        page.model.change(self.on_model, page.model, self.first_name, **at_once)

    def _here(self, handler: Callable[..., Awaitable[Updates]]) -> Callable[..., Awaitable[Updates]]:
        """A handler of the first view, for this one."""

        @functools.wraps(handler)
        async def here(*values: Any, **more: Any) -> Updates:
            updates = await handler(*values, **more)
            return {self.view if each is self._page.view else each: update for each, update in updates.items()}

        return here

    def _follower(self, step: beside.Follow) -> Callable[..., Awaitable[Updates]]:
        async def follow(
            first: Conversation, conversation: Companion, speed: object, choice: object, request: gr.Request
        ) -> Updates:
            try:
                served = beside.chosen(choice, self._page.registry)
                if served is None or not conversation.follow(
                    first, served, step, speed=speed, client_id=request.session_hash or ""
                ):
                    return {self.view: gr.skip()}
                return {self.view: conversation.begun(self._page.streams.open(conversation.turns[-1]))}
            except RefusalError as refusal:
                conversation.refusal = refusal.message
            except Exception:
                log.exception("a reply beside another could not be written")
                conversation.refusal = Message("fault.again")
            return {self.view: conversation.view()}

        return follow

    async def on_walk(self, first: Conversation, conversation: Companion) -> Updates:
        if conversation.writing or not conversation.answered:
            return {self.view: gr.skip()}
        conversation.stand_as(first)
        return {self.view: conversation.view()}

    async def on_model(self, model: object) -> Updates:
        return {self.first_name: _name(model)}

    async def on_choice(self, conversation: Companion, choice: object, model: object) -> Updates:
        """Another model stands beside the first, or none: it begins with an empty memory."""
        await self._page.on_stop(conversation)
        if not conversation.writing:
            conversation.clear()
        share = {self.share: gr.update(visible=True if beside.is_blend(choice) else "hidden")}
        try:
            served = beside.chosen(choice, self._page.registry)
        except RefusalError as refusal:
            conversation.refusal = refusal.message
            return {**share, self.column: gr.update(visible=True), self.view: conversation.view()}
        if served is None:
            return {**share, self.column: gr.update(visible=False)}
        names = {self.first_name: _name(model), self.name: _name(served.name)}
        return {**share, **names, self.column: gr.update(visible=True), self.view: conversation.view(hello(served))}


def _choices(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each way to use another model: what the page calls it, and its value."""
    side_by_side = [(f"{name}, {t('second.beside')}", name) for name in names]
    blended = [(f"{name}, {t('second.blended')}", beside.as_blend(name)) for name in names]
    return [(t("second.none"), NOBODY), *side_by_side, *blended]


def _name(model: object) -> str:
    return f"<p>{html.escape(str(model))}</p>"
