"""The first reply that a share link describes, read from the parameters of an address.

The page reads the whole link (web/conversation/links.js). A preview shows only the beginning of the text, so this
module reads only the parameters before the first ``then`` or ``more``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from model import SamplingParams
from model.clamps import MAX_CLAMPS, Clamps
from model.settings import SETTINGS

from ..conversation.clamps import check_clamps
from ..messages import RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..settings import MAX_LINK, check_params, check_text

MAX_PROMPT = 1_000  # characters
MAX_FIELDS = 1_000
_MODEL = re.compile(r"(.+)@([0-9a-f]{40})", re.DOTALL)
_CLAMP = re.compile(r"([0-9]{1,3})\.([0-9]{1,5})~(-?[0-9]{1,2}(?:\.[0-9]{1,20})?(?:e-[0-9]{1,3})?)")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,40})?(e[+-]?[0-9]{1,3})?")
_VERSION = re.compile("[0-9]{1,4}|float32")
_SETTINGS = [name for name in SETTINGS if name != "stop"]
_NAMES = {"prompt", *_SETTINGS, "model", "blend_with", "hold", "pick", "speed", "v", "text", "then", "more"}


@dataclass(frozen=True)
class FirstReply:
    """A reply that can be written.

    Attributes:
        served: the model that writes it.
        prompt: the prompt in the link.
        read: the text that the model reads before the reply.
        params: the sampling parameters of the reply, without its last character if the sender chose another one.
        cells: the cells that are clamped.
    """

    served: LoadedModel
    prompt: str
    read: str
    params: SamplingParams
    cells: Clamps


def first_reply(query: str, registry: ModelRegistry) -> FirstReply | None:
    """Returns the first reply of a link; None if the address is not a link, or has no seed that determines the text.

    Raises:
        RefusalError: a value is not allowed, or no model has the name.
        ValueError: the parameters are not text in UTF-8, or there are too many.
    """
    if len(query) > MAX_LINK:
        raise RefusalError("refusal.characters", field="link", length=len(query), most=MAX_LINK)
    given: dict[str, str] = {}
    query = query.replace("&amp;", "&")  # a message may write a link as HTML does; the & of a value is written %26
    pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    for name, value in _without_added(pairs):
        if name in ("then", "more"):
            break
        given.setdefault(name, value)  # like the page, which uses the first of two equal names
    if not given.get("seed"):
        return None
    prompt = check_text("prompt", given.get("prompt", ""), MAX_PROMPT)
    _check_forms(given)
    served = _model_of(given, registry)
    params = check_params({name: _number(given[name]) for name in _SETTINGS if given.get(name)})
    if served.lm.chat:
        params = replace(params, stop=served.lm.chat.stop)
    if not served.is_blend:
        params = replace(params, share=None)
    if given.get("pick") and params.length > 1:
        params = replace(params, length=params.length - 1)
    text = served.lm.chat.wrap(prompt) if served.lm.chat else prompt
    return FirstReply(served, prompt, text, params, _cells(given.get("hold", ""), served))


def _without_added(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns the parameters of a link without what a message added to the last one: a full stop, a bracket.

    ``web/conversation/link_damage.js`` does the same.
    """
    last = max((at for at, (name, _) in enumerate(pairs) if name in _NAMES), default=None)
    if last is None:
        return pairs
    name, value = pairs[last]
    return [*pairs[:last], (name, _value_without_added(name, value)), *pairs[last + 1 :]]


def _value_without_added(name: str, value: str) -> str:
    kept = value
    while kept and (
        kept[-1].isspace() or kept[-1] in ">`|" or unicodedata.category(kept[-1]) in ("Pe", "Pf", "Pi", "Po")
    ):
        kept = kept[:-1]
    if name in ("prompt", "then"):  # they may end with any character
        return value
    if name == "pick":
        return value if len(kept) > 1 else value[:1]
    if name in ("model", "blend_with"):  # a name without a commit may end with a bracket
        return kept if _MODEL.fullmatch(kept) else value
    return kept


def _check_forms(given: dict[str, str]) -> None:
    if given.get("v") and not _VERSION.fullmatch(given["v"]):
        raise ValueError("v is not of its form")
    if len(given.get("pick", "")) > 1:
        raise ValueError("pick is more than one character")


def _number(text: str) -> float:
    """Returns the number in a parameter. A float is exact for a seed, which has up to 32 bits."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("a setting is not a number")
    return float(text)


def _cells(text: str, served: LoadedModel) -> Clamps:
    parts = text.split("_", MAX_CLAMPS + 1) if text else []
    found = [_CLAMP.fullmatch(part) for part in parts]
    cells = [[int(each[1]), int(each[2]), float(each[3])] for each in found if each]
    if len(cells) != len(parts) or (cells and served.is_blend):
        raise ValueError("hold is not allowed")
    return check_clamps(cells, served.lm.config)


def _model_of(given: dict[str, str], registry: ModelRegistry) -> LoadedModel:
    """Returns the model, or the blend of two, that a link names, at the commit that is served now."""
    first = _named(given.get("model", ""), registry)
    if not given.get("blend_with"):
        return first
    second = _named(given["blend_with"], registry)
    if second is first:
        raise RefusalError("refusal.same_second")
    return registry.blend(first, second)


def _named(written: str, registry: ModelRegistry) -> LoadedModel:
    match = _MODEL.fullmatch(written)
    name = match[1] if match else written
    ready = registry.loaded_models
    found = [each for each in ready if each.name == name]
    found += [each for each in ready if each.commit and each.name.partition("@")[0] == name.partition("@")[0]]
    if not match and len(registry.names) == 1 == len(ready) and not ready[0].commit:
        found += ready  # a model from a folder, which another page serves under another name
    return found[0] if name and found else registry.get(name or None)
