"""The page: what each control of its layout does.

Handlers are short: one that makes the model write begins a reply and returns the view with the token of a stream,
which the view reads (``streams``). None lets an exception out: what goes wrong is said in the chat. Which buttons can
be pressed follows from the view alone, in ``view.js``; at the end of a stream, however it ended, it asks for the
conversation as it then is, so that no path leaves the page stuck.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr

from ..conversation import moves, sharing
from ..conversation import side_by_side as beside
from ..conversation.clamps import ModelClamps, check_clamps
from ..conversation.conversation import Conversation, greet, hello
from ..conversation.links import Link
from ..conversation.turn import Turn
from ..messages import Message, RefusalError
from ..protocol import line
from ..registry.activity import Activity
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..routes.api import add_api
from ..routes.endpoints import Blocks
from ..routes.lenses import Lenses
from ..routes.streams import Streams
from ..routes.training_timeline import TrainingTimelines
from ..routes.updates import UpdateCheck
from ..settings import check_params, check_speed
from ..words import as_html
from .layout import Layout, Updates
from .second_view import Second

log = logging.getLogger("char-lstm")

_REDO = "redo"  # instead of a turn's number, see branches.js
_REREADINGS = 2  # at once; each may take a second or two of a core


class Page(Layout):
    """The Blocks of the page, over a shelf of models."""

    def __init__(self, registry: ModelRegistry) -> None:
        super().__init__(registry, Second(self) if len(registry.names) > 1 else None)
        self.streams = Streams(Activity(registry))
        self.lenses = Lenses(registry)
        self.news = UpdateCheck(registry)
        self.films = TrainingTimelines(registry)
        self._rereading = asyncio.Semaphore(_REREADINGS)
        with Blocks(title=registry.site.title, analytics_enabled=False) as self.blocks:
            self.lay_out()
            self._wire()
            add_api(registry)

    def _wire(self) -> None:
        settings = [self.model, self.seed, *self.sliders.values()]
        settings += [self.second.choice, self.second.share] if self.second else []
        self._settings = len(settings)
        hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        # preprocess=False: what arrives is checked in one place, and refused in the chat rather than by a toast.
        at_once: dict[str, Any] = {**hidden, "preprocess": False, "queue": False}

        inputs = [self.conversation, *settings]
        send = [self.send.click, self.prompt.submit]
        sent = [gr.on(send, self._writer(moves.send), [*inputs, self.prompt], [self.view, self.prompt], **at_once)]
        continued = self.continue_reply.click(self._writer(moves.continue_reply), inputs, self.view, **at_once)
        again = self.retry.click(self._writer(moves.retry), inputs, self.view, **at_once)
        for index, button in enumerate(self.examples):
            sent.append(button.click(self._writer(partial(_send_example, index)), inputs, self.view, **at_once))
        self.view.settle(self.on_settle, [self.conversation, self.speed], self.view, trigger_mode="multiple", **at_once)
        written_by = [self.model, *([self.second.choice, self.second.share] if self.second else [])]
        self.view.follow(self.on_follow, [self.conversation, self.speed], [self.view, *written_by], **at_once)
        self.view.rewind(self.on_rewind, inputs, self.view, **at_once)
        self.view.hold(self.on_hold, inputs, self.view, trigger_mode="multiple", **at_once)
        self.view.again(self._writer(moves.again), inputs, self.view, **at_once)
        stepped = [self.view, self.prompt]
        self.view.step(self.on_step, inputs, stepped, trigger_mode="multiple", **at_once)
        self.view.look(self.on_look, self.conversation, None, trigger_mode="multiple", **at_once)
        self.stop.click(self.on_stop, self.conversation, None, **at_once)
        walked = [self.undo.click(self.on_undo, [self.conversation, self.model], self.view, **at_once)]
        walked.append(self.view.walk(self.on_walk, self.conversation, self.view, **at_once))
        self.clear.click(self.on_clear, [self.conversation, self.model], self.view, **at_once)
        self.share.click(self.on_share, self.conversation, self.view, **at_once)
        if self.second:
            after: dict[beside.Follow, Sequence[Any]] = {
                beside.send: sent,
                beside.continue_reply: [continued],
                beside.retry: [again],
            }
            self.second.wire(after, walked, **at_once)
        about = [self.view, self.about, self.film, *self.examples]
        self.model.change(self.on_model, [self.conversation, self.model], about, **at_once)
        arrival = [self.conversation, self.notices, self.model, *about, *([self.second.choice] if self.second else [])]
        self.view.news(self.on_news, [self.conversation, self.model], arrival[1:], **at_once)
        self.blocks.load(self.on_arrival, self.conversation, arrival, concurrency_limit=None, **hidden)

    # What the controls do.

    def _writer(self, move: moves.Move) -> Callable[..., Awaitable[Updates]]:
        """The handler of a control that makes the model write."""

        async def write(conversation: Conversation, request: gr.Request, *values: object) -> Updates:
            if conversation.writing:  # Enter, while Continue still writes
                return {self.view: gr.skip()}
            conversation.following = None
            chosen, prompt = values[: self._settings], values[self._settings :]
            updates = self._begin(
                conversation,
                lambda: move(conversation, *self._asked(conversation, chosen, request), *prompt),
                chosen[0],
            )
            return {**updates, **({self.prompt: ""} if prompt and not conversation.refusal else {})}

        return write

    async def on_rewind(
        self, conversation: Conversation, event: gr.EventData, request: gr.Request, *chosen: object
    ) -> Updates:
        """The last reply is to go on from one of its characters."""
        if conversation.writing:
            return {self.view: gr.skip()}
        conversation.following = None
        number, keep, pick, anew = (_about(event, name) for name in ("turn", "keep", "pick", "anew"))
        try:
            async with self._rereading:  # a long reply takes seconds
                cut = await asyncio.to_thread(conversation.cut, number, keep, pick or "")
        except RefusalError as refusal:
            conversation.refusal = refusal.message
            return self._settled(conversation)
        if (
            conversation.writing or not conversation.turns or conversation.turns[-1] is not cut.earlier
        ):  # something else was done meanwhile
            return self._settled(conversation)
        return self._begin(
            conversation,
            lambda: moves.branch(conversation, cut, self._asked(conversation, chosen, request)[1], anew=bool(anew)),
        )

    async def on_step(
        self, conversation: Conversation, event: gr.EventData, request: gr.Request, *values: object
    ) -> Updates:
        """One character is to be written, which takes a moment; a stream tells of it when many are before it."""
        await self._over(conversation)  # of the press before
        prompt = _about(event, "prompt")  # as it stood on the page, for Gradio may still know the one before
        updates = await self._writer(moves.step)(conversation, request, *values, prompt or "")
        if prompt and not conversation.refusal:
            updates[self.prompt] = ""
        if await self._over(conversation) and conversation.turns:
            moves.stepped(conversation)
            updates.update(self._settled(conversation, values[0]))
        return updates

    async def on_hold(
        self, conversation: Conversation, event: gr.EventData, request: gr.Request, *chosen: object
    ) -> Updates:
        """Other cells are held from now on. What is being written goes on with them from its next character."""
        writing = conversation.writing
        try:
            served, _ = self._asked(conversation, chosen, request)
            if served.is_blend:
                raise RefusalError("refusal.clamps_blended")
            conversation.clamps = ModelClamps(served.name, check_clamps(_about(event, "hold"), served.lm.config))
        except RefusalError as refusal:
            conversation.refusal = refusal.message
            return self._settled(conversation, chosen[0])
        if not writing:
            return self._settled(conversation, chosen[0])
        conversation.following = None  # it is not the text of the link any more
        await self._stopped(conversation)
        return self._begin(
            conversation,
            lambda: moves.continue_with_clamps(conversation, self._asked(conversation, chosen, request)[1]),
            chosen[0],
        )

    def _asked(
        self, conversation: Conversation, values: Sequence[object], request: gr.Request
    ) -> tuple[LoadedModel, moves.Settings]:
        """What is chosen on the page."""
        (model, seed), rest = values[:2], values[2:]
        chosen = dict(zip(self.sliders, rest, strict=False))
        speed = chosen.pop("speed")
        params = check_params({**chosen, "seed": None if seed == "" else seed})
        served, params = beside.blended(self.registry.get(model), params, rest[len(self.sliders) :], self.registry)
        return served, moves.Settings(params, check_speed(speed), request.session_hash or "", conversation.clamps)

    def _begin(self, conversation: Conversation, begin: Callable[[], object], model: object = None) -> Updates:
        """Does what makes the model write. Returns what is then shown: the stream of it, or why there is none."""
        try:
            if begin() is not False:
                return {self.view: conversation.begun(self.streams.open(conversation.turns[-1]))}
        except RefusalError as refusal:
            conversation.refusal = refusal.message
        except Exception:
            log.exception("a reply could not be written")
            conversation.following, conversation.refusal = None, Message("fault.move")
        return self._settled(conversation, model)

    async def on_settle(
        self, conversation: Conversation, speed: object, event: gr.EventData, request: gr.Request
    ) -> Updates:
        """A stream has ended, or broke. If it was not the last one, another reply is written already."""
        if _about(event, "stream") == conversation.stream:
            await self._stopped(conversation)
            if not conversation.writing and conversation.following:
                return self._follow(
                    conversation,
                    partial(sharing.next_step, conversation, conversation.turns[-1].served.newest),
                    speed,
                    request,
                )
        return self._settled(conversation)

    async def on_follow(
        self, conversation: Conversation, speed: object, event: gr.EventData, request: gr.Request
    ) -> Updates:
        """What a link asks for is to be written."""
        link = self._link(conversation, _about(event, "query"))
        if not link or conversation.writing:
            return self._settled(conversation)
        updates = self._follow(conversation, partial(sharing.begin, conversation, link, self.registry), speed, request)
        return {**updates, **(self._written_by(conversation.turns[-1]) if conversation.turns else {})}

    def _written_by(self, turn: Turn) -> Updates:
        """The choice of models as it was for a turn."""
        first = turn.served.parts[0] if turn.served.parts else turn.served
        more = self.second.written_by(turn.served, turn.parts[-1].params) if self.second else {}
        return {self.model: first.name, **more}

    def _follow(
        self, conversation: Conversation, step: Callable[..., object], speed: object, request: gr.Request
    ) -> Updates:
        return self._begin(
            conversation, lambda: step(chars_per_second=check_speed(speed), client_id=request.session_hash or "")
        )

    def _link(self, conversation: Conversation, query: object) -> Link | None:
        """The link by which somebody came, if there is one; what is wrong with it is said in the conversation."""
        try:
            return Link.read(query) if isinstance(query, str) else None
        except RefusalError as refusal:
            conversation.refusal = refusal.message
            return None

    async def on_share(self, conversation: Conversation) -> Updates:
        if conversation.writing:
            return {self.view: gr.skip()}
        conversation.refusal, shared = None, ""
        try:
            host = os.environ.get("SPACE_HOST", "")
            shared = line(share=sharing.share(conversation, self.registry).query, at=f"https://{host}/" if host else "")
        except RefusalError as refusal:
            conversation.refusal = refusal.message
        return {self.view: conversation.view() + shared}

    async def on_look(self, conversation: Conversation, event: gr.EventData) -> None:
        """A lens is put over the conversation."""
        self.lenses.open(_about(event, "key"), conversation)

    async def on_stop(self, conversation: Conversation) -> None:
        """The stream then tells that the reply has ended."""
        sequence = conversation.writing
        if sequence:
            conversation.turns[-1].served.engine.abort(sequence)

    async def _stopped(self, conversation: Conversation) -> None:
        await self.on_stop(conversation)
        await self._over(conversation)

    async def _over(self, conversation: Conversation) -> bool:
        """Waits for what ends with the engine's next step; returns whether it has."""
        for _ in range(500):
            if not conversation.writing:
                return True
            await asyncio.sleep(0.004)
        return False

    async def on_undo(self, conversation: Conversation, model: object) -> Updates:
        if not conversation.writing:
            conversation.undo()
        return self._settled(conversation, model)

    async def on_walk(self, conversation: Conversation, event: gr.EventData) -> Updates:
        """Another turn that there was is to be shown: the one of this number, or what Undo took away."""
        if not conversation.writing:
            number = _about(event, "turn")
            conversation.redo() if number == _REDO else conversation.walk(number)
        return self._settled(conversation)

    async def on_clear(self, conversation: Conversation, model: object) -> Updates:
        if not conversation.writing:
            conversation.clear()
        return self._settled(conversation, model)

    async def on_model(self, conversation: Conversation, model: object) -> Updates:
        try:
            served = self.registry.get(model)
        except RefusalError as refusal:
            return {self.about: as_html(refusal.message)}
        view = gr.skip() if conversation.turns else greet(hello(served))
        return {self.view: view, **self._about_updates(served)}

    async def on_news(self, conversation: Conversation, model: object) -> Updates:
        """A newer commit is served, or was refused, while the page is open."""
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
        query = str(request.query_params)
        yield self._arrived(conversation, query)
        if not self.registry.settled:
            while not self.registry.settled:
                await asyncio.sleep(0.1)
            yield self._arrived(conversation, query)

    # What is to be seen.

    def _arrived(self, conversation: Conversation, query: str) -> Updates:
        first = self.registry.first()
        link = None if conversation.turns else self._link(conversation, query)
        try:
            conversation.offer = sharing.offer(link, self.registry) if link else ""
        except RefusalError as refusal:
            conversation.refusal = refusal.message
        return {
            self.conversation: conversation,  # from when on it may be forgotten
            self.view: gr.skip()
            if conversation.turns or not (first or conversation.refusal)
            else greet(conversation.view(hello(first) if first else "")),
            self.notices: gr.update(**self._notices()),
            self.model: gr.update(**self._choices()),
            **self._about_updates(first),
            **(self.second.arrived() if self.second else {}),
        }

    def _settled(self, conversation: Conversation, model: object = None) -> Updates:
        """The view as the conversation is now; the same however often it is asked for."""
        if conversation.writing:
            return {self.view: gr.skip()}
        try:
            welcome_text = "" if conversation.turns else hello(self.registry.get(model))
        except RefusalError:
            welcome_text = ""
        return {self.view: conversation.view(welcome_text)}


def _send_example(index: int, conversation: Conversation, served: LoadedModel, settings: moves.Settings) -> None:
    moves.send(conversation, served, settings, served.examples[index] if index < len(served.examples) else "")


def _about(event: gr.EventData, name: str) -> object:
    """What an event of the view says, by name."""
    data = event._data
    return data.get(name) if isinstance(data, dict) else None
