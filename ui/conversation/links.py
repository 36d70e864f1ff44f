"""A link to what was written: all that a page needs to write the same text again, and a hash to tell that it has.

Pure text, in both directions; what arrives is checked like anything else from strangers. The parameters are plain, and
those of one reply are what the page in ``web/`` reads too:

    prompt, seed, length, temperature, top_k, top_p    the first reply
    model     USER/NAME@COMMIT, or a name of the page that made it; without one, the page's first
    blend_with, share    another model, named in the same way, which wrote together with that one; and how much of a say
              it has, which is a setting like the others
    v         the version of the arithmetic, or float32
    text      the beginning of the SHA-256 of all that the model wrote
    then, more, from there on in the order in which they were done: another turn of this prompt, or so many more
              characters of the last one. Each may be followed by settings, which hold from there on; a seed counts its
              characters anew, ``then`` needs one of its own.
    hold      after any of them: the cells that are held from there on, LAYER.CELL~VALUE with _ between; empty is none
    pick      after any of them: a character that was put there instead of the last that was written
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from model import SamplingParams
from model.clamps import Clamps
from model.engine.blend import DEFAULT_SHARE
from model.int8.weights import VERSION
from model.settings import shorten

from ..messages import Message, RefusalError
from ..settings import LINK_SETTINGS, MAX_LINK, MAX_STEPS, check_params, check_text
from .clamps import read_clamps, write_clamps

MAX_SHARED = 1900  # characters of the parameters of a link that is made here: with the address, a message takes it
FLOAT32 = "float32"
HERE = str(VERSION)

_HASH = 16  # hex digits
_MODEL = re.compile(r"(.+)@([0-9a-f]{40})")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,40})?(e[+-]?[0-9]{1,3})?")


@dataclass(frozen=True)
class Step:
    """One thing that was asked of the model.

    Attributes:
        params: how to write it.
        prompt: of a new turn; None is more of the last one.
        anew: whether the seed counts its characters from the first on.
        pick: the character that then stands there instead of the last; "" leaves it.
        hold: the cells that are held meanwhile.
    """

    params: SamplingParams
    prompt: str | None = None
    new_seed: bool = True
    pick: str = ""
    hold: Clamps = ()


@dataclass(frozen=True)
class Link:
    """What a link says.

    Attributes:
        steps: one at least; the first of them begins a turn, from an empty memory.
        model: its name; "" is the first of the page.
        commit: 40 hex digits; "" when the model was in a folder.
        arithmetic: ``HERE``, ``FLOAT32``, another version, or "" if it is not said.
        text: the fingerprint of what was written, or "".
        second: the name of the model that wrote together with it, and its commit; None is nobody.
    """

    steps: tuple[Step, ...]
    model: str = ""
    commit: str = ""
    arithmetic: str = ""
    text: str = ""
    second: tuple[str, str] | None = None

    @property
    def prompts(self) -> list[str]:
        return [step.prompt for step in self.steps if step.prompt is not None]

    @property
    def query(self) -> str:
        """Its parameters, encoded.

        Raises:
            RefusalError: they do not go into a link.
        """
        first, *more = self.steps
        named = {"model": _written(self.model, self.commit), "v": self.arithmetic}
        named |= {"blend_with": _written(*self.second)} if self.second else {}
        said: list[tuple[str, object]] = [("prompt", first.prompt or ""), *_changes(None, first)]
        said += [(name, value) for name, value in {**named, "text": self.text}.items() if value]
        for before, step in zip(self.steps, more, strict=False):
            if step.prompt is None:
                said.append(("more", step.params.length))
                said += [each for each in _changes(before, step) if each[0] != "length"]
            else:
                said += [("then", step.prompt), *_changes(before, step)]
        try:
            query = urlencode(said)
        except UnicodeEncodeError:
            raise RefusalError("link.half_character", field="prompt") from None
        if len(self.steps) > MAX_STEPS or len(query) > MAX_SHARED:
            raise RefusalError("link.too_long", length=len(query), most=MAX_SHARED)
        return query

    @classmethod
    def read(cls, query: str) -> Link | None:
        """The link of a page's address, or None if there is none: neither a prompt nor a seed.

        Raises:
            RefusalError: it cannot be followed.
        """
        if len(query) > MAX_LINK:
            raise RefusalError("link.characters", length=len(query), most=MAX_LINK)
        try:
            said = parse_qsl(query.removeprefix("?"), keep_blank_values=True, errors="strict")
        except ValueError:
            raise RefusalError("link.unreadable") from None
        groups: list[list[tuple[str, str]]] = [[]]
        for name, value in said:
            if name in ("then", "more"):
                groups.append([])
            groups[-1].append((name, value))
        first, *more = (dict(reversed(group)) for group in groups)  # of two alike the first counts, as in web/
        if "prompt" not in first and not first.get("seed"):
            return None
        if len(groups) > MAX_STEPS:
            raise RefusalError("link.steps", steps=len(groups), most=MAX_STEPS)
        settings: dict[str, object] = {}
        second = _named(first["blend_with"]) if first.get("blend_with") else None
        if second:
            settings["share"] = DEFAULT_SHARE
        steps = [_step(first, settings, check_text("prompt", first.get("prompt", "")))]
        for group in more:
            if "then" in group and not group.get("seed"):
                raise RefusalError("link.no_seed", field="seed")
            if "more" in group:
                group["length"] = group["more"]
            prompt = check_text("prompt", group["then"]) if "then" in group else None
            steps.append(_step(group, settings, prompt, steps[-1].hold))
        if second and any(step.hold for step in steps):
            raise RefusalError("link.clamps_with_blend", field="hold")
        arithmetic = _matching("v", first, r"[0-9]{1,4}|float32", Message("rule.version"))
        text = _matching("text", first, f"[0-9a-f]{{{_HASH}}}", Message("rule.hash", digits=_HASH))
        return cls(tuple(steps), *_named(first.get("model", "")), arithmetic, text, second)


def fingerprint(text: str) -> str:
    """By which a text is known again; what it was cannot be told from it."""
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]


def _written(model: str, commit: str) -> str:
    return f"{model}@{commit}" if commit else model


def _named(written: str) -> tuple[str, str]:
    """A model's name, and its commit or ""."""
    found = _MODEL.fullmatch(written)
    return (found[1], found[2]) if found else (written, "")


def _changes(before: Step | None, step: Step) -> list[tuple[str, object]]:
    """The settings that a step does not share with the one before it."""
    changed = []
    for name in LINK_SETTINGS:
        value = getattr(step.params, name)
        same = before is not None and getattr(before.params, name) == value
        if step.new_seed if name == "seed" else not same and value is not None:
            changed.append((name, int(value) if float(value).is_integer() else value))
    if step.hold != (before.hold if before else ()):
        changed.append(("hold", write_clamps(step.hold)))
    return changed + ([("pick", step.pick)] if step.pick else [])


def _step(said: dict[str, str], settings: dict[str, object], prompt: str | None, hold: Clamps = ()) -> Step:
    """A step by what is said of it; the settings are those that held before, and become those that hold after."""
    known = [name for name in LINK_SETTINGS if name != "share" or "share" in settings]  # one model alone has none
    settings.update({name: _number(said[name]) for name in known if said.get(name)})
    params = check_params(settings)
    settings["seed"] = params.seed
    pick = said.get("pick", "")
    if len(pick) > 1:
        allowed = Message("rule.one_character")
        raise RefusalError("refusal.in_link", field="pick", value=shorten(pick), allowed=allowed)
    hold = read_clamps(said["hold"]) if "hold" in said else hold
    return Step(params, prompt, prompt is not None or bool(said.get("seed")), pick, hold)


def _number(value: str) -> object:
    """What looks like a number as one; all else stays a text, which is refused as such."""
    if not _NUMBER.fullmatch(value):
        return value
    return int(value) if value.lstrip("-").isdigit() else float(value)


def _matching(name: str, said: dict[str, str], pattern: str, allowed: Message) -> str:
    value = said.get(name, "")
    if value and not re.fullmatch(pattern, value):
        raise RefusalError("refusal.in_link", field=name, value=shorten(value), allowed=allowed)
    return value
