"""The moves of a conversation: send, continue, retry, rewrite from a character on, rewrite with other clamps, one step.

Each move requests a reply from the engine and adds it to the conversation, or raises RefusalError and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from model import Memory, SamplingParams, Sequence

from ..messages import RefusalError
from ..registry.loaded_model import LoadedModel
from ..settings import MAX_LENGTH, check_text
from .clamps import NO_CLAMPS, ModelClamps
from .conversation import MAX_TEXT, Conversation
from .progress import ask
from .turn import Turn

MAX_REPLY = MAX_TEXT  # characters of one reply, however often it is continued


@dataclass(frozen=True)
class Settings:
    """How a reply is written, for whom, and with which cells clamped. A speed of None is full speed."""

    params: SamplingParams
    chars_per_second: float | None
    client_id: str = ""
    clamps: ModelClamps = NO_CLAMPS


Move = Callable[..., None]


def send(conversation: Conversation, served: LoadedModel, settings: Settings, prompt: object) -> None:
    """Begins a new turn at the end of the conversation."""
    turn = conversation.next_turn(served, check_text("prompt", prompt))
    if not turn.start.before:  # what a newer commit reads first has bounds of its own
        check_text("prompt", turn.start.unread + turn.prompt)
    part = _ask(served, turn.to_read, settings, memory=turn.start.memory)
    conversation.add(turn, part)


def retry(conversation: Conversation, served: LoadedModel, settings: Settings) -> None:
    """Writes the last turn again, from the memory before it, with the chosen model; Undo restores the old one.

    A newer commit of the same model first reads the text so far.
    """
    turn = conversation.turn_again(served)
    part = _ask(served, turn.to_read, settings, memory=turn.start.memory)
    turn.earlier = conversation.turns[-1]
    conversation.branch(turn, part)


def continue_reply(
    conversation: Conversation, _chosen: LoadedModel, settings: Settings, *, new_seed: bool = False
) -> None:
    """Continues the last reply from the memory after it, with the text that a longer reply would have had.

    In a chat, a finished turn is followed by another turn of the model. A newer commit of the model first reads the
    reply, and continues with the draws of its seed.

    Args:
        new_seed: use the seed of the settings from its first draw on; otherwise the reply's seed continues.
    """
    turn = conversation.turn_to_continue()
    if turn.over:
        send(conversation, turn.served, settings, "")
        return
    part = _more(turn, settings, new_seed=new_seed)
    (conversation.add if turn in conversation.turns else conversation.branch)(turn, part)


def stop(conversation: Conversation) -> None:
    """Ends the reply that is being written, if there is one, with the engine's next step."""
    if sequence := conversation.writing:
        conversation.turns[-1].served.engine.abort(sequence)


def branch(conversation: Conversation, cut: Turn, settings: Settings, *, new_seed: bool) -> None:
    """Continues a cut turn until it has its old length, or the length of the settings if that is longer.

    Args:
        cut: see ``Conversation.cut``.
        new_seed: see ``continue_reply``.
    """
    length, earlier, chat = settings.params.length, cut.earlier, cut.served.lm.chat
    as_before = earlier.written + (len(chat.stop) if chat and earlier.over else 0) if earlier else 0
    more = max(length, as_before) - cut.written
    params = replace(settings.params, length=min(more, MAX_LENGTH) if more > 0 else length)
    conversation.branch(cut, _more(cut, replace(settings, params=params), new_seed=new_seed))


def again(conversation: Conversation, _chosen: LoadedModel, settings: Settings) -> None:
    """Writes the last reply again with its own seed, from that seed's first draw on, with the clamps of now."""
    last = conversation.turn_to_continue()
    at = max(n for n, part in enumerate(last.parts) if not n or not part.draw_offset or last.parts[n - 1].picked)
    new_seed, end = conversation.turn_without(at), last.parts[-1]
    ended = end.finish_reason in ("stop", "blocked")  # as far as it may go, for it ends by itself
    length = end.params.length if ended else max(1, last.written - new_seed.written)
    settings = replace(settings, params=replace(end.params, length=length))
    first, start = last.parts[len(new_seed.parts)].draw_offset, new_seed.end
    before = "" if start.unread else new_seed.text
    conversation.branch(
        new_seed, _ask(new_seed.served, start.unread, settings, memory=start.memory, first=first, before=before)
    )


def step(conversation: Conversation, served: LoadedModel, settings: Settings, prompt: object = "") -> None:
    """Writes one character, after a prompt if there is one. Call ``stepped`` once it is written."""
    settings = replace(settings, params=replace(settings.params, length=1), chars_per_second=None)
    if prompt or not conversation.turns:
        send(conversation, served, settings, prompt)
    else:
        continue_reply(conversation, served, settings)


def stepped(conversation: Conversation) -> None:
    """Joins the last character with the part that it continues, as if both had been one request."""
    parts = conversation.turns[-1].parts
    if len(parts) < 2 or parts[-2].picked or parts[-1].error:
        return
    one, two = parts[-2:]
    alike = replace(one.params, length=1) == replace(two.params, length=1) and one.clamps == two.clamps
    # A stop text of several characters is looked for in one piece only.
    if alike and two.draw_offset == one.next_draw_offset and len(one.params.stop) < 2 and one.memory is not None:
        parts[-2:] = [one.concatenated(two)]


def continue_with_clamps(conversation: Conversation, settings: Settings) -> None:
    """Continues a reply that was stopped in order to change its clamps, to its full length."""
    part = conversation.turns[-1].parts[-1]
    left = part.params.length - (part.next_draw_offset - part.draw_offset)
    if part.finish_reason == "abort" and left > 0:
        turn = conversation.turns[-1]
        conversation.add(turn, _more(turn, replace(settings, params=replace(part.params, length=left)), new_seed=False))


def _more(turn: Turn, settings: Settings, *, new_seed: bool) -> Sequence:
    if turn.written + settings.params.length > MAX_REPLY:
        raise RefusalError("refusal.reply_full", most=MAX_REPLY)
    end, last = turn.end, turn.parts[-1]
    if not new_seed:
        settings = replace(settings, params=replace(settings.params, seed=last.params.seed))
    if settings.params.share is None:  # of a blend, which is not chosen any more
        settings = replace(settings, params=replace(settings.params, share=last.params.share))
    first = 0 if new_seed else last.next_draw_offset
    before = "" if end.unread else turn.text
    return _ask(turn.served, end.unread, settings, memory=end.memory, first=first, before=before)


def _ask(
    served: LoadedModel, prompt: str, settings: Settings, *, memory: Memory | None, first: int = 0, before: str = ""
) -> Sequence:
    chars_per_second, client_id, params, chat = (
        settings.chars_per_second,
        settings.client_id,
        settings.params,
        served.lm.chat,
    )
    hold = settings.clamps.of_model(served.name)
    if chat and not params.stop:
        params = replace(params, stop=chat.stop)
    return ask(
        served,
        prompt,
        params,
        memory=memory,
        first=first,
        chars_per_second=chars_per_second,
        client_id=client_id,
        hold=hold,
        before=before,
    )
