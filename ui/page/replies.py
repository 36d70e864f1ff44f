"""The handlers of the controls that make the model write, or stop it.

A handler begins a reply and returns the view with the token of a stream, which the view then reads
(``ui/routes/streams.py``). No exception leaves a handler: a refusal or a fault is shown in the conversation. At the end
of a stream, however it ended, the view asks for the conversation as it then is, so that the page is never stuck.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import gradio as gr

from ..conversation import moves, sharing
from ..conversation.clamps import ModelClamps, check_clamps
from ..conversation.conversation import Conversation, hello
from ..conversation.links import Link
from ..conversation.turn import Turn
from ..messages import Message, RefusalError
from ..registry.activity import Activity
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..routes.streams import Streams
from ..settings import check_speed
from .inputs import Inputs
from .layout import Layout, Updates
from .second_view import Second

log = logging.getLogger("char-lstm")

_MAX_REREADINGS = 2  # at once; each may take a second or two of a core
_STOP_S = 2.0  # for a reply to end after its engine was told to stop; one step is enough


class Replies(Layout):
    """The controls, with the handlers that write."""

    def __init__(self, registry: ModelRegistry) -> None:
        self.streams = Streams(Activity(registry))
        super().__init__(registry, Second(registry, self.streams) if len(registry.names) > 1 else None)
        self._rereading = asyncio.Semaphore(_MAX_REREADINGS)

    def writer(self, move: moves.Move) -> Callable[..., Awaitable[Updates]]:
        """The handler of a control that makes a move. The prompt, if the move has one, follows the page's inputs."""

        async def write(conversation: Conversation, request: gr.Request, *values: object) -> Updates:
            if conversation.writing:  # such as Enter while Continue still writes
                return {self.view: gr.skip()}
            conversation.following = None
            count = len(self.input_names)
            inputs, prompt = self.read_inputs(values[:count]), values[count:]

            def begin() -> None:
                move(conversation, *self._checked(conversation, inputs, request), *prompt)

            updates = self._begin(conversation, begin, inputs.model)
            return {**updates, **({self.prompt: ""} if prompt and not conversation.refusal else {})}

        return write

    async def on_rewind(
        self, conversation: Conversation, event: gr.EventData, request: gr.Request, *values: object
    ) -> Updates:
        """Rewrites the last reply from one of its characters on."""
        if conversation.writing:
            return {self.view: gr.skip()}
        conversation.following = None
        number, keep, pick, new_seed = (event_value(event, name) for name in ("turn", "keep", "pick", "new_seed"))
        try:
            async with self._rereading:  # reading a long reply again takes seconds
                cut = await asyncio.to_thread(conversation.cut, number, keep, pick or "")
        except RefusalError as refusal:
            conversation.refusal = refusal.message
            return self.settled(conversation)
        changed = not conversation.turns or conversation.turns[-1] is not cut.earlier
        if conversation.writing or changed:  # by another event, while the reply was read
            return self.settled(conversation)

        def begin() -> None:
            _, settings = self._checked(conversation, self.read_inputs(values), request)
            moves.branch(conversation, cut, settings, new_seed=bool(new_seed))

        return self._begin(conversation, begin)

    async def on_step(
        self, conversation: Conversation, event: gr.EventData, request: gr.Request, *values: object
    ) -> Updates:
        """Writes one character. It is shown with this answer, or by a stream if other replies go first."""
        await self._finished(conversation)  # the character of the press before
        prompt = event_value(event, "prompt")  # the view sends it: Gradio's own value may be older
        updates = await self.writer(moves.step)(conversation, request, *values, prompt or "")
        if prompt and not conversation.refusal:
            updates[self.prompt] = ""
        if await self._finished(conversation) and conversation.turns:
            moves.stepped(conversation)
            updates.update(self.settled(conversation, self.read_inputs(values).model))
        return updates

    async def on_hold(
        self, conversation: Conversation, event: gr.EventData, request: gr.Request, *values: object
    ) -> Updates:
        """Clamps other cells from now on. A reply that is being written continues with them at its next character."""
        writing, inputs = conversation.writing, self.read_inputs(values)
        try:
            served, _ = self._checked(conversation, inputs, request)
            if served.is_blend:
                raise RefusalError("refusal.clamps_blended")
            clamps = check_clamps(event_value(event, "hold"), served.lm.config)
            conversation.clamps = ModelClamps(served.name, clamps)
        except RefusalError as refusal:
            conversation.refusal = refusal.message
            return self.settled(conversation, inputs.model)
        if not writing:
            return self.settled(conversation, inputs.model)
        conversation.following = None  # the text is no longer that of the link
        await self._stop_and_wait(conversation)

        def begin() -> None:
            moves.continue_with_clamps(conversation, self._checked(conversation, inputs, request)[1])

        return self._begin(conversation, begin, inputs.model)

    async def on_settle(
        self, conversation: Conversation, speed: object, event: gr.EventData, request: gr.Request
    ) -> Updates:
        """Shows the conversation after a stream has ended or broken; another reply may have begun meanwhile."""
        if event_value(event, "stream") == conversation.stream:
            await self._stop_and_wait(conversation)
            if not conversation.writing and conversation.following:
                step = partial(sharing.next_step, conversation, conversation.turns[-1].served.newest)
                return self._follow_link(conversation, step, speed, request)
        return self.settled(conversation)

    async def on_follow(
        self, conversation: Conversation, speed: object, event: gr.EventData, request: gr.Request
    ) -> Updates:
        """Writes what the link asks for by which the visitor came."""
        link = self.read_link(conversation, event_value(event, "query"))
        if not link or conversation.writing:
            return self.settled(conversation)
        step = partial(sharing.begin, conversation, link, self.registry)
        updates = self._follow_link(conversation, step, speed, request)
        return {**updates, **(self._models_of(conversation.turns[-1]) if conversation.turns else {})}

    async def on_stop(self, conversation: Conversation) -> None:
        """Stops the reply; its stream then ends."""
        moves.stop(conversation)

    def read_inputs(self, values: tuple[object, ...]) -> Inputs:
        """The inputs of the page from the values that Gradio gives to a handler."""
        return Inputs.read(self.input_names, values)

    def read_link(self, conversation: Conversation, query: object) -> Link | None:
        """The link in the parameters of the page's address, or None; a refusal is shown in the conversation."""
        try:
            return Link.read(query) if isinstance(query, str) else None
        except RefusalError as refusal:
            conversation.refusal = refusal.message
            return None

    def settled(self, conversation: Conversation, model: object = None) -> Updates:
        """The view of the conversation as it is now."""
        if conversation.writing:
            return {self.view: gr.skip()}
        try:
            welcome = "" if conversation.turns else hello(self.registry.get(model))
        except RefusalError:
            welcome = ""
        return {self.view: conversation.view(welcome)}

    def _checked(
        self, conversation: Conversation, inputs: Inputs, request: gr.Request
    ) -> tuple[LoadedModel, moves.Settings]:
        return inputs.check(self.registry, conversation.clamps, request.session_hash or "")

    def _begin(self, conversation: Conversation, begin: Callable[[], object], model: object = None) -> Updates:
        """Begins a reply. Returns the view with its stream, or with the reason why there is none."""
        try:
            if begin() is not False:
                return {self.view: conversation.streaming_view(self.streams.open(conversation.turns[-1]))}
        except RefusalError as refusal:
            conversation.refusal = refusal.message
        except Exception:
            log.exception("a reply could not be written")
            conversation.following, conversation.refusal = None, Message("fault.move")
        return self.settled(conversation, model)

    def _follow_link(
        self, conversation: Conversation, step: Callable[..., object], speed: object, request: gr.Request
    ) -> Updates:
        def begin() -> object:
            return step(chars_per_second=check_speed(speed), client_id=request.session_hash or "")

        return self._begin(conversation, begin)

    def _models_of(self, turn: Turn) -> Updates:
        """The controls that choose models, set to those of a turn."""
        first = turn.served.parts[0] if turn.served.parts else turn.served
        second = self.second.written_by(turn.served, turn.parts[-1].params) if self.second else {}
        return {self.model: first.name, **second}

    async def _stop_and_wait(self, conversation: Conversation) -> None:
        await self.on_stop(conversation)
        await self._finished(conversation)

    async def _finished(self, conversation: Conversation) -> bool:
        """Waits until the reply that is being written is finished; returns whether it is."""
        sequence = conversation.writing
        return sequence is None or await asyncio.to_thread(sequence.wait, _STOP_S)


def event_value(event: gr.EventData, name: str) -> object:
    """A value of an event that the view's scripts trigger; None if it has none of this name."""
    data = event._data
    return data.get(name) if isinstance(data, dict) else None
