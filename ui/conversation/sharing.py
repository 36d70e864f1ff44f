"""Shares a conversation as a link, and writes the text of a link that a visitor opens.

A link holds the prompts, settings and seeds of the turns since the memory was last empty, not their text. The app
generates the text again, and shows whether its hash is that of the link.
"""

from __future__ import annotations

from dataclasses import replace

from ..messages import Message, RefusalError, raw
from ..protocol import line
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from . import moves
from .clamps import ModelClamps, clamp_facts
from .conversation import Conversation
from .links import FLOAT32, HERE, Link, Step, fingerprint
from .moves import Settings
from .progress import check_words
from .turn import Turn


def share(conversation: Conversation, registry: ModelRegistry) -> Link:
    """The link to the last turn and to the turns that its memory comes from.

    Raises:
        RefusalError: no link can reproduce it.
    """
    turns = _since_empty(conversation)
    served = turns[-1].served
    if any(turn.served is not served or turn.taken_over for turn in turns):
        raise RefusalError("link.two_commits")
    first, *second = _parts(served)
    return Link(
        tuple(step for turn in turns for step in _steps(turn)),
        "" if first is registry.first() and not first.commit else _name(first),
        first.commit,
        _arithmetic(_parts(served)),
        fingerprint(_text(turns)),
        (_name(second[0]), second[0].commit) if second else None,
    )


def find(link: Link, registry: ModelRegistry) -> list[LoadedModel]:
    """The model of a link, or the two that are blended: each at the link's commit if that is served.

    Raises:
        RefusalError: no model of this name is served, or not yet.
    """
    found = [_find(link.model, link.commit, registry)]
    if link.second:
        try:
            found.append(_find(*link.second, registry))
        except RefusalError as refusal:
            raise RefusalError("link.second_missing", reason=refusal.message) from None
        if found[0] is found[1]:
            raise RefusalError("link.second_same", name=found[0].name)
    return found


def _find(name: str, commit: str, registry: ModelRegistry) -> LoadedModel:
    named = [served for served in registry.loaded_models if name in (served.name, served.lm.name)]
    at_commit = [served for served in named if served.commit == commit]
    return [*at_commit, *named, None][0] or registry.get(name or None)


def offer(link: Link, registry: ModelRegistry) -> str:
    """The view of a link before anything is written.

    Raises:
        RefusalError: see ``find``.
    """
    found = find(link, registry)
    for prompt in link.prompts:
        check_words(found[0], prompt)
    first = link.steps[0].params
    length = sum(step.params.length for step in link.steps)
    facts = [
        raw(" + ".join(served.name for served in found)),
        Message("fact.seed", seed=first.seed),
        Message("fact.temperature", temperature=f"{first.temperature:g}"),
        Message("fact.up_to", count=length),
        *clamp_facts(tuple(dict.fromkeys(clamp for step in link.steps for clamp in step.hold))),
    ]
    reasons = _differences(link, found)
    warning = Message("offer.may_differ", reasons=reasons) if reasons else None
    return line(link=link.prompts, facts=facts, warning=warning)


def begin(
    conversation: Conversation, link: Link, registry: ModelRegistry, *, chars_per_second: float | None, client_id: str
) -> LoadedModel:
    """Begins to write the text of a link; ``next_step`` writes the rest, step by step.

    Raises:
        RefusalError: it cannot be written.
    """
    found = find(link, registry)
    served = registry.blend(*found) if len(found) > 1 else found[0]
    if conversation.turns:
        conversation.clear()
    conversation.following, conversation.followed = link, 0
    next_step(conversation, served, chars_per_second=chars_per_second, client_id=client_id)
    return served


def next_step(
    conversation: Conversation, served: LoadedModel, *, chars_per_second: float | None, client_id: str
) -> bool:
    """Begins the next step of the link. Returns False after the last one, when the text has been checked.

    Raises:
        RefusalError: it cannot be written.
    """
    link = conversation.following
    if link is None:
        return False
    try:
        ending = conversation.turns[-1].parts[-1].finish_reason if conversation.turns else "length"
        if ending not in ("length", "stop"):
            conversation.turns[-1].mark = [Message("check.blocked" if ending == "blocked" else "check.unfinished")]
        else:
            _pick(conversation, link)
            if conversation.followed < len(link.steps):
                step = link.steps[conversation.followed]
                last = link.prompts == [
                    each.prompt for each in link.steps[: conversation.followed + 1] if each.prompt is not None
                ]
                settings = Settings(
                    step.params, chars_per_second if last else None, client_id, ModelClamps(served.name, step.hold)
                )
                _do(conversation, served, step, settings)
                conversation.followed += 1
                conversation.turns[-1].stranger = True
                return True
            conversation.turns[-1].mark = _mark(link, served, _text(conversation.turns))
    except RefusalError:
        conversation.following = None
        raise
    conversation.following = None
    return False


def _do(conversation: Conversation, served: LoadedModel, step: Step, settings: Settings) -> None:
    if step.prompt is not None:
        moves.send(conversation, served, settings, step.prompt)
    else:
        moves.continue_reply(conversation, served, settings, new_seed=step.new_seed)


def _pick(conversation: Conversation, link: Link) -> None:
    """Replaces the last character of the step before by the one that the sender picked, if there is one."""
    if conversation.followed and (pick := link.steps[conversation.followed - 1].pick):
        cut = conversation.cut(conversation.turns[-1].number, conversation.turns[-1].written, pick)
        cut.earlier = conversation.turns[-1].earlier
        conversation.branch(cut)


def _since_empty(conversation: Conversation) -> list[Turn]:
    """The turns that the last one's memory comes from."""
    if not conversation.turns:
        raise RefusalError("refusal.no_reply")
    turns: list[Turn] = []
    for turn in reversed(conversation.turns):
        turns.insert(0, turn)
        if turn.start.memory is None and not turn.start.unread:
            return turns
    raise RefusalError("link.beginning_gone")


def _steps(turn: Turn) -> list[Step]:
    parts = [part for part in turn.parts if part.length]
    if not parts:
        raise RefusalError("link.nothing_written")
    steps = []
    for part in parts:
        # What was stopped is asked for as long as it became; what ended by itself will do so again.
        length = part.params.length if part.finish_reason == "stop" else part.length
        pick = part.text[-1] if part.picked else ""
        steps.append(Step(replace(part.params, length=length, stop=""), None, part.draw_offset == 0, pick, part.clamps))
    return [replace(steps[0], prompt=turn.prompt), *steps[1:]]


def _text(turns: list[Turn]) -> str:
    return "".join(turn.reply for turn in turns)


def _name(served: LoadedModel) -> str:
    """A model as a link names it."""
    return served.lm.name if served.commit else served.name


def _parts(served: LoadedModel) -> list[LoadedModel]:
    """The models that one is: itself, or two."""
    return list(served.parts or (served,))


def _arithmetic(models: list[LoadedModel]) -> str:
    """Of one, or of two together: float32 where one of them is in it."""
    return FLOAT32 if any(served.engine.precision == FLOAT32 for served in models) else HERE


def _differences(link: Link, models: list[LoadedModel]) -> list[Message]:
    """The known differences between this app and the one that made the link."""
    found: list[Message] = []
    commits = [link.commit, *([link.second[1]] if link.second else [])]
    for at, (there, here) in enumerate(zip(commits, [served.commit for served in models], strict=True)):
        if there != here and (there or link.text):
            id = "difference.second_commit" if at else "difference.commit"
            found.append(Message(id, there=_origin(there), here=_origin(here)))
    here = _arithmetic(models)
    if link.arithmetic and link.arithmetic != here:
        found.append(Message("difference.arithmetic", there=_named(link.arithmetic), here=_named(here)))
    return found


def _origin(commit: str) -> Message:
    return Message("origin.commit", commit=commit[:7]) if commit else Message("origin.folder")


def _named(arithmetic: str) -> Message:
    if arithmetic == FLOAT32:
        return Message("arithmetic.float32")
    return Message("arithmetic.exact", version=arithmetic)


def _mark(link: Link, served: LoadedModel, text: str) -> list[Message]:
    """Whether the text that a link's steps came to is the shared one."""
    models = _parts(served)
    if not link.text:
        return [Message("check.no_hash")]
    rounding = [Message("check.rounding")] if _arithmetic(models) == FLOAT32 else []
    if fingerprint(text) == link.text:
        return [Message("check.same"), *rounding]
    reasons = _differences(link, models)
    if not reasons:
        certain = all(each.commit for each in models)
        reasons = [Message("difference.changed" if certain else "difference.folder")]
    return [Message("check.different", reasons=reasons), *rounding]
