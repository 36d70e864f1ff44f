"""The page: which handler each control of the layout calls.

The handlers that write are in ``replies``; here are those that show something else. Which buttons can be pressed
follows from the view alone, in ``web/app/view.js``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

import gradio as gr

from ..conversation import moves, sharing, side_by_side
from ..conversation.conversation import Conversation, greet, hello
from ..messages import RefusalError
from ..protocol import line
from ..registry.activity import Activity
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..routes.api import add_api
from ..routes.endpoints import Blocks
from ..routes.lenses import Lenses
from ..routes.site import Site
from ..routes.trace import Traces
from ..routes.training_timeline import TrainingTimelines
from ..routes.updates import UpdateCheck
from ..routes.web_files import WebFiles
from ..routes.write import Writer
from ..words import as_html
from .layout import Updates
from .replies import Replies, event_value
from .second_view import Second

_REDO = "redo"  # in place of a turn's number, see branches.js


class Page(Replies):
    """The Blocks of the page for the models of a registry."""

    def __init__(self, registry: ModelRegistry) -> None:
        super().__init__(registry)
        self.lenses = Lenses(registry)
        self.news = UpdateCheck(registry)
        self.films = TrainingTimelines(registry)
        self.write, self.site = Writer(registry, Activity(registry)), Site(registry)
        self.traces, self.web = Traces(registry), WebFiles()
        with Blocks(title=registry.site.title, analytics_enabled=False) as self.blocks:
            self.lay_out()
            self._wire()
            add_api(registry)

    def _wire(self) -> None:
        hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        # preprocess=False: values are checked in one place, and refused in the conversation instead of in a toast.
        at_once: dict[str, Any] = {**hidden, "preprocess": False, "queue": False}
        self._wire_moves(at_once)
        self._wire_view(at_once)
        about = [self.view, self.about, self.film, *self.examples]
        self.model.change(self.on_model, [self.conversation, self.model], about, **at_once)
        arrival = [self.conversation, self.notices, self.model, *about, *([self.second.choice] if self.second else [])]
        self.view.news(self.on_news, [self.conversation, self.model], arrival[1:], **at_once)
        self.blocks.load(self.on_arrival, self.conversation, arrival, concurrency_limit=None, **hidden)

    def _wire_moves(self, at_once: dict[str, Any]) -> None:
        """Connects the buttons below the conversation, and the second view to them."""
        conversation, view, inputs = self.conversation, self.view, [self.conversation, *self.inputs]
        send = [self.send.click, self.prompt.submit]
        sent = [gr.on(send, self.writer(moves.send), [*inputs, self.prompt], [view, self.prompt], **at_once)]
        continued = self.continue_button.click(self.writer(moves.continue_reply), inputs, view, **at_once)
        retried = self.retry.click(self.writer(moves.retry), inputs, view, **at_once)
        for index, button in enumerate(self.examples):
            sent.append(button.click(self.writer(partial(_send_example, index)), inputs, view, **at_once))
        self.stop.click(self.on_stop, conversation, None, **at_once)
        shown = [self.undo.click(self.on_undo, [conversation, self.model], view, **at_once)]
        shown.append(view.walk(self.on_walk, conversation, view, **at_once))
        self.clear.click(self.on_clear, [conversation, self.model], view, **at_once)
        self.share.click(self.on_share, conversation, view, **at_once)
        if self.second:
            after: dict[side_by_side.Follow, Sequence[Any]] = {
                side_by_side.send: sent,
                side_by_side.continue_reply: [continued],
                side_by_side.retry: [retried],
            }
            self._wire_second(self.second, after, shown, at_once)

    def _wire_second(
        self,
        second: Second,
        after: Mapping[side_by_side.Follow, Sequence[Any]],
        shown: Sequence[Any],
        at_once: dict[str, Any],
    ) -> None:
        """Connects the second view.

        Args:
            second: the view.
            after: what the second conversation does after which events of the first.
            shown: events after which the first view shows another turn.
            at_once: how Gradio treats the events.
        """
        first, conversation, view = self.conversation, second.conversation, second.view
        for step, events in after.items():
            for event in events:
                inputs = [first, conversation, self.speed, second.choice]
                event.then(second.follower(step), inputs, view, **at_once)
        for event in shown:
            event.then(second.on_walk, [first, conversation], view, **at_once)
        settle, clear = (second.instead_of(self.view, each) for each in (self.on_settle, self.on_clear))
        scripted: Any = view
        scripted.settle(settle, [conversation, self.speed], view, trigger_mode="multiple", **at_once)
        scripted.look(self.on_look, conversation, None, trigger_mode="multiple", **at_once)
        self.stop.click(self.on_stop, conversation, None, **at_once)
        self.clear.click(clear, [conversation, second.choice], view, **at_once)
        outputs = [second.column, second.share, second.first_name, second.name, view]
        second.choice.change(second.on_choice, [conversation, second.choice, self.model], outputs, **at_once)
        self.model.change(second.on_model, self.model, second.first_name, **at_once)

    def _wire_view(self, at_once: dict[str, Any]) -> None:
        """Connects the events that the scripts of the view trigger."""
        conversation, view, inputs = self.conversation, self.view, [self.conversation, *self.inputs]
        each: dict[str, Any] = {"trigger_mode": "multiple", **at_once}
        models = [self.model, *([self.second.choice, self.second.share] if self.second else [])]
        view.settle(self.on_settle, [conversation, self.speed], view, **each)
        view.follow(self.on_follow, [conversation, self.speed], [view, *models], **at_once)
        view.rewind(self.on_rewind, inputs, view, **at_once)
        view.hold(self.on_hold, inputs, view, **each)
        view.again(self.writer(moves.again), inputs, view, **at_once)
        view.step(self.on_step, inputs, [view, self.prompt], **each)
        view.look(self.on_look, conversation, None, **each)

    async def on_share(self, conversation: Conversation) -> Updates:
        if conversation.writing:
            return {self.view: gr.skip()}
        conversation.refusal, shared = None, ""
        try:
            host = os.environ.get("SPACE_HOST", "")
            query = sharing.share(conversation, self.registry).query
            shared = line(share=query, at=f"https://{host}/" if host else "")
        except RefusalError as refusal:
            conversation.refusal = refusal.message
        return {self.view: conversation.view() + shared}

    async def on_look(self, conversation: Conversation, event: gr.EventData) -> None:
        """Lets the lenses of the page read the conversation, by a key that the page has drawn."""
        self.lenses.open(event_value(event, "key"), conversation)

    async def on_undo(self, conversation: Conversation, model: object) -> Updates:
        if not conversation.writing:
            conversation.undo()
        return self.settled(conversation, model)

    async def on_walk(self, conversation: Conversation, event: gr.EventData) -> Updates:
        """Shows another turn of the tree, by its number, or the one that Undo took away."""
        if not conversation.writing:
            number = event_value(event, "turn")
            conversation.redo() if number == _REDO else conversation.walk(number)
        return self.settled(conversation)

    async def on_clear(self, conversation: Conversation, model: object) -> Updates:
        if not conversation.writing:
            conversation.clear()
        return self.settled(conversation, model)

    async def on_model(self, conversation: Conversation, model: object) -> Updates:
        try:
            served = self.registry.get(model)
        except RefusalError as refusal:
            return {self.about: as_html(refusal.message)}
        view = gr.skip() if conversation.turns else greet(hello(served))
        return {self.view: view, **self._about_updates(served)}

    async def on_news(self, conversation: Conversation, model: object) -> Updates:
        """Shows what has changed about the models while the page is open: a newer commit, or one that was refused."""
        try:
            served: LoadedModel | None = self.registry.get(model)
        except RefusalError:
            served = self.registry.first()
        empty = served and not conversation.turns and not conversation.offer
        return {
            self.view: greet(conversation.view(hello(served))) if served and empty else gr.skip(),
            self.notices: gr.update(**self._notices()),
            self.model: gr.update(choices=self.registry.names),
            **self._about_updates(served),
        }

    async def on_arrival(self, conversation: Conversation, request: gr.Request) -> AsyncIterator[Updates]:
        """Shows the page to a visitor who arrives, and again once all models are loaded."""
        query = str(request.query_params)
        yield self._arrived(conversation, query)
        if not self.registry.settled:
            while not self.registry.settled:
                await asyncio.sleep(0.1)
            yield self._arrived(conversation, query)

    def _arrived(self, conversation: Conversation, query: str) -> Updates:
        first = self.registry.first()
        link = None if conversation.turns else self.read_link(conversation, query)
        try:
            conversation.offer = sharing.offer(link, self.registry) if link else ""
        except RefusalError as refusal:
            conversation.refusal = refusal.message
        view: Any = gr.skip()
        if not conversation.turns and (first or conversation.refusal):
            view = greet(conversation.view(hello(first) if first else ""))
        return {
            self.conversation: conversation,  # Gradio counts its time to live from here
            self.view: view,
            self.notices: gr.update(**self._notices()),
            self.model: gr.update(**self._choices()),
            **self._about_updates(first),
            **(self.second.arrived() if self.second else {}),
        }


def _send_example(index: int, conversation: Conversation, served: LoadedModel, settings: moves.Settings) -> None:
    examples = served.examples
    moves.send(conversation, served, settings, examples[index] if index < len(examples) else "")
