"""Sharing a conversation as a link, and following a link of somebody else's.

What is shared is how the conversation came to be, not its text: the prompts and seeds of its turns, from the last
time that the memory was empty. Who follows the link has all of it written again, and is told whether it is the same.
"""

from __future__ import annotations

from dataclasses import replace

from ..protocol import line
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..settings import RefusalError
from . import moves
from .clamps import Hand, said
from .conversation import Conversation
from .links import FLOAT32, HERE, Link, Step, fingerprint
from .moves import Settings
from .progress import check_words
from .turn import Turn

_SAME = "The same text, character for character, as when the link was made."
_MAY_DIFFER = " It is written in float32, which another machine may round otherwise."


def share(talk: Conversation, registry: ModelRegistry) -> Link:
    """The link to the last turn and to those whose memory it has.

    Raises:
        RefusalError: it cannot be told by a link.
    """
    turns = _since_empty(talk)
    served = turns[-1].served
    if any(turn.served is not served or turn.taken_over for turn in turns):
        raise RefusalError(
            "", "Two commits of the model wrote this, of which one is served: Clear, and begin another to share."
        )
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
    """The model of a link, or the two that wrote together: each at its commit, if that is served here.

    Raises:
        RefusalError: no model of this name is served, or not yet.
    """
    found = [_find(link.model, link.commit, registry)]
    if link.second:
        try:
            found.append(_find(*link.second, registry))
        except RefusalError as refusal:
            raise RefusalError("", f"Two models wrote this together, of which one is not here: {refusal}") from None
        if found[0] is found[1]:
            raise RefusalError("", f"Two models wrote this together, of which one is here: {found[0].name}.")
    return found


def _find(name: str, commit: str, registry: ModelRegistry) -> LoadedModel:
    named = [served for served in registry.served if name in (served.name, served.lm.name)]
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
    names = " + ".join(served.name for served in found)
    facts = f"{names} · seed {first.seed} · temperature {first.temperature:g} · up to {length:,} characters"
    held = tuple(dict.fromkeys(hold for step in link.steps for hold in step.hold))
    facts += f" · a hand on {said(held)}" if held else ""
    doubts = "; ".join(_differences(link, found))
    warning = f"It may come out otherwise: {doubts}." if doubts else ""
    return line(link=link.prompts, facts=facts, warning=warning)


def begin(talk: Conversation, link: Link, registry: ModelRegistry, *, pace: float | None, owner: str) -> LoadedModel:
    """Begins to write what a link asks for; ``go_on`` does the rest, a step at a time.

    Raises:
        RefusalError: it cannot be written.
    """
    found = find(link, registry)
    served = registry.blend(*found) if len(found) > 1 else found[0]
    if talk.turns:
        talk.clear()
    talk.following, talk.followed = link, 0
    go_on(talk, served, pace=pace, owner=owner)
    return served


def go_on(talk: Conversation, served: LoadedModel, *, pace: float | None, owner: str) -> bool:
    """The next step of the link that is being followed; returns whether there is one. After the last the mark is made.

    Raises:
        RefusalError: it cannot be written.
    """
    link = talk.following
    if link is None:
        return False
    try:
        ending = talk.turns[-1].parts[-1].finish_reason if talk.turns else "length"
        if ending not in ("length", "stop"):
            why = "It came to a word that is not shown here" if ending == "blocked" else "It was not written to its end"
            talk.turns[-1].mark = f"{why}: whether it is the same cannot be told."
        else:
            _pick(talk, link)
            if talk.followed < len(link.steps):
                step = link.steps[talk.followed]
                last = link.prompts == [
                    each.prompt for each in link.steps[: talk.followed + 1] if each.prompt is not None
                ]
                settings = Settings(step.params, pace if last else None, owner, Hand(served.name, step.hold))
                _do(talk, served, step, settings)
                talk.followed += 1
                talk.turns[-1].stranger = True
                return True
            talk.turns[-1].mark = _mark(link, served, _text(talk.turns))
    except RefusalError:
        talk.following = None
        raise
    talk.following = None
    return False


def _do(talk: Conversation, served: LoadedModel, step: Step, settings: Settings) -> None:
    if step.prompt is not None:
        moves.send(talk, served, settings, step.prompt)
    else:
        moves.go_on(talk, served, settings, anew=step.anew)


def _pick(talk: Conversation, link: Link) -> None:
    """Puts the character that somebody picked where the step that was done last has its own."""
    if talk.followed and (pick := link.steps[talk.followed - 1].pick):
        cut = talk.cut(talk.turns[-1].number, talk.turns[-1].written, pick)
        cut.earlier = talk.turns[-1].earlier
        talk.branch(cut)


def _since_empty(talk: Conversation) -> list[Turn]:
    """The turns that the last one's memory comes from."""
    if not talk.turns:
        raise RefusalError("", "There is nothing to share yet: send a prompt first.")
    turns: list[Turn] = []
    for turn in reversed(talk.turns):
        turns.insert(0, turn)
        if turn.start.memory is None and not turn.start.unread:
            return turns
    raise RefusalError(
        "", "The beginning of this conversation is not kept any more: Clear, and begin another to share."
    )


def _steps(turn: Turn) -> list[Step]:
    parts = [part for part in turn.parts if part.length]
    if not parts:
        raise RefusalError("", "Nothing was written here that could be shared.")
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


def _differences(link: Link, models: list[LoadedModel]) -> list[str]:
    """What is known to be otherwise here than where the link was made."""
    found = []
    commits = [link.commit, *([link.second[1]] if link.second else [])]
    for at, (there, here) in enumerate(zip(commits, [served.commit for served in models], strict=True)):
        which = "second " if at else ""
        if there != here and (there or link.text):
            made = [f"commit {commit[:7]}" if commit else "a folder" for commit in (there, here)]
            found.append(f"the link was made with the {which}model of {made[0]}, and here is that of {made[1]}")
    ways = [
        f"version {way} of the exact arithmetic" if way != FLOAT32 else way
        for way in (link.arithmetic, _arithmetic(models))
    ]
    if link.arithmetic and ways[0] != ways[1]:
        found.append(f"it was made in {ways[0]}, and here it is written in {ways[1]}")
    return found


def _mark(link: Link, served: LoadedModel, text: str) -> str:
    """What is said of the text that a link's steps came to."""
    models = _parts(served)
    rounded = _MAY_DIFFER if _arithmetic(models) == FLOAT32 else ""
    if not link.text:
        return "This link does not say what its text was: whether it is the same cannot be told."
    if fingerprint(text) == link.text:
        return _SAME + rounded
    reasons = _differences(link, models)
    if not reasons and not all(each.commit for each in models):
        reasons = ["the model came from a folder here, and may be another; or the link was changed"]
    return f"Not the same text: {'; '.join(reasons or ['the link was changed, or not made by this app'])}." + rounded
