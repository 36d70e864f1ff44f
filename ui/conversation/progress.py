"""Submits a reply to an engine, and follows it in the event loop while the engine's thread writes it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from functools import partial

from model import Memory, SamplingParams, Sequence
from model.clamps import Clamps, Stretches
from model.engine.engine import EngineBusyError

from ..access.addresses import group_of
from ..access.workers import Workers
from ..messages import RefusalError
from ..registry.loaded_model import LoadedModel
from ..settings import DEADLINE_S

_FIRST_S = 0.005  # until the first character, which is shown at once
_BETWEEN_S = 1 / 30  # smooth to the eye
_UPDATE_S = 0.0008  # of the server's time for an update: with more replies, each gets fewer updates
_SLOWEST_S = 0.2  # between two updates, however many replies there are
_SPACING = 1 / 20  # of the time of a sparing reply so far, between two updates
_KEEPALIVE_S = 1.0  # Gradio notices a disconnected client only when it sends something
_SLICE = 4_000  # characters
_GRACE_S = 10.0  # after the deadline, at which a working engine ends a reply


def check_words(served: LoadedModel, text: str, *, begin: int = 0) -> Generator[None, None, None]:
    """Refuses a text in which a blocked word ends after its first characters. The message does not repeat the word.

    Yields every few thousand characters: a text of 20,000 takes 0.1 s.

    Raises:
        RefusalError: the text has a blocked word.
    """
    if not served.engine.blocked or begin >= len(text):
        return
    watch = served.engine.blocked.watch(text[:begin])
    for start in range(begin, len(text), _SLICE):
        if any(watch.add(character) for character in text[start : start + _SLICE]):
            break
        yield
    if watch.end():
        raise RefusalError("refusal.blocked_word", field="prompt")


async def write(
    served: LoadedModel,
    prompt: str,
    params: SamplingParams,
    workers: Workers,
    *,
    address: str,
    client_id: str,
    memory: Memory | None = None,
    draw_offset: int = 0,
    chars_per_second: float | None = None,
    context: str = "",
    clamps: Clamps = (),
    prompt_clamps: Stretches = (),
    sparing: bool = False,
) -> AsyncGenerator[Sequence, None]:
    """Submits a reply, see ``Engine.add_request``, and yields its sequence whenever a reader should get an update.

    That is at once, at the first character, at intervals, and at the end. The reply is aborted when the iteration ends,
    also by an exception in the reader. It counts for the limits of its address.

    Args:
        sparing: yield less and less often during a long reply, but its end at once: Gradio sends the whole text each
            time, and keeps the messages of a client that never reads them.

    Raises:
        RefusalError: the address is over a limit, the queue is full, or the engine has stopped.
    """
    submit = partial(
        served.engine.add_request,
        prompt,
        params,
        memory=memory,
        draw_offset=draw_offset,
        chars_per_second=chars_per_second,
        deadline_s=DEADLINE_S,
        client_id=client_id,
        group_id=group_of(address),
        context=context,
        clamps=clamps,
        prompt_clamps=prompt_clamps,
    )
    length, shown, began = 0, -1, time.monotonic()
    sequence: Sequence | None = None
    with workers.limiter.reply(address, len(prompt) + params.length):
        try:
            sequence = await workers.run(address, submit)
            # The engine frees what it has read of them, and the reply may take minutes.
            del submit, prompt, memory, context, prompt_clamps
            updated_at = began
            while True:
                finished, length, now = sequence.finished, sequence.length, time.monotonic()
                since = now - updated_at
                spaced = not sparing or shown <= 0 or since >= (now - began) * _SPACING
                if finished or (spaced and (length != shown or since >= _KEEPALIVE_S)):
                    shown, updated_at = length, now
                    yield sequence
                if finished:
                    if isinstance(sequence.cause, EngineBusyError):  # it has made room for a reply of another address
                        raise RefusalError("refusal.queue_full")
                    return
                # The thread may end right after the reply.
                ended = not served.thread.is_alive() and not sequence.finished
                if ended or now - began > DEADLINE_S + _GRACE_S:
                    raise RefusalError("refusal.no_answer")
                await asyncio.sleep(_pause(served, length, now - began))
        except EngineBusyError:  # perhaps a newer commit has just replaced it
            raise RefusalError("refusal.just_updated" if served.newer else "refusal.queue_full") from None
        finally:
            if sequence:
                length = sequence.length
                served.engine.abort(sequence)
            workers.limiter.give_back(address, params.length - length)


def _pause(served: LoadedModel, length: int, elapsed_s: float) -> float:
    if not length:
        return _FIRST_S if elapsed_s < 1 else _BETWEEN_S
    return min(_SLOWEST_S, max(_BETWEEN_S, served.engine.running * _UPDATE_S))
