"""The parameters of a request in OpenAI's protocol, checked.

Parameters that this app does not have are accepted where they change nothing, such as a penalty of 0; any other is
refused by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from model import SamplingParams
from model.chat import ChatFormat
from model.settings import MAX_SEED, shorten

from ...messages import Message, RefusalError
from ...settings import PAGE_SETTINGS, check_params, check_text
from ..requests import MAX_TEXT

MAX_CHOICES = 8
MAX_LOGPROBS = 20
_DEFAULT_TOKENS = 16  # of a completion, in the protocol; a message ends at the chat's stop text
_SETTINGS = ("temperature", "top_p", "top_k", "min_p", "seed")
_IGNORED = {
    *("user", "metadata", "store", "service_tier", "parallel_tool_calls", "prompt_cache_key", "safety_identifier"),
    *("reasoning_effort", "verbosity"),
}
_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "logit_bias": ({},),
    "suffix": ("",),
    "best_of": (1,),
    "modalities": (["text"],),
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a request asks for.

    Attributes:
        model: the name of the model; None is the default one.
        prompts: the texts that are continued, each by ``count`` choices.
        params: the sampling parameters of the first choice; each next one has the next seed.
        count: how many choices each prompt gets.
        is_scored_only: whether no character is written: the prompts are echoed with their probabilities.
        echo: whether the prompt is a part of the text.
        logprobs: how many of the most likely characters are returned at each character; None is no probability at all.
        streams: whether the answer is a stream of chunks.
        has_usage: whether a last chunk has the usage.
    """

    model: str | None
    prompts: tuple[str, ...]
    params: SamplingParams
    count: int = 1
    is_scored_only: bool = False
    echo: bool = False
    logprobs: int | None = None
    streams: bool = False
    has_usage: bool = False


def parse_completion(body: Mapping[str, Any]) -> Wanted:
    """Returns the checked request for completions.

    Raises:
        RefusalError: a parameter is not allowed; its field is the parameter's name.
    """
    _check_names(body, {"prompt", "max_tokens", "echo", "logprobs"})
    prompts = body.get("prompt")
    prompts = prompts if isinstance(prompts, list) and prompts else ["" if prompts is None else prompts]
    for prompt in prompts:
        check_text("prompt", prompt)
    count = _whole(body, "n", 1, 1, MAX_CHOICES)
    if len(prompts) * count > MAX_CHOICES:
        raise RefusalError("refusal.other", field="prompt", reason=f"and n ask for over {MAX_CHOICES} choices")
    echo = _flag(body, "echo")
    tokens = _whole(body, "max_tokens", _DEFAULT_TOKENS, 0 if echo else 1, int(PAGE_SETTINGS["length"].maximum or 0))
    logprobs = body.get("logprobs")
    return Wanted(
        prompts=tuple(prompts),
        params=_params(body, max(1, tokens)),
        count=count,
        is_scored_only=tokens == 0,
        echo=echo,
        logprobs=None if logprobs is None or logprobs is False else _whole(body, "logprobs", 0, 0, MAX_LOGPROBS),
        **_common(body),
    )


def parse_chat(body: Mapping[str, Any]) -> tuple[Wanted, list[tuple[str, str]]]:
    """Returns the checked request for the next message of a chat, without the prompt; and the messages.

    Raises:
        RefusalError: a parameter is not allowed; its field is the parameter's name.
    """
    _check_names(body, {"messages", "max_tokens", "max_completion_tokens", "logprobs", "top_logprobs"})
    named = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    length = PAGE_SETTINGS["length"]
    tokens = _whole(body, named, length.default, 1, int(length.maximum or 0))
    logprobs = _whole(body, "top_logprobs", 0, 0, MAX_LOGPROBS) if _flag(body, "logprobs") else None
    wanted = Wanted(
        prompts=(),
        params=_params(body, tokens),
        count=_whole(body, "n", 1, 1, MAX_CHOICES),
        logprobs=logprobs,
        **_common(body),
    )
    return wanted, _messages(body.get("messages"))


def chat_prompt(messages: list[tuple[str, str]], chat: ChatFormat) -> str:
    """Returns the text that a chat model reads before its next message.

    Args:
        messages: pairs of a role and a text.
        chat: the chat format of the model.

    Raises:
        RefusalError: the text is too long.
    """
    text, answered = "", True
    for role, content in messages:
        if role == "user":
            text += chat.wrap(content)
        else:
            text += (chat.opening if answered else "") + content.strip() + chat.stop
        answered = role == "assistant"
    return check_text("messages", text + (chat.opening if answered else ""), most=MAX_TEXT)


def _messages(messages: object) -> list[tuple[str, str]]:
    if not isinstance(messages, list) or not messages:
        raise RefusalError("refusal.other", field="messages", reason="must be a list of messages with role and content")
    found = []
    for each in messages:
        role = each.get("role") if isinstance(each, dict) else None
        if role not in ("user", "assistant"):
            reason = f"has the role {shorten(role)}: only user and assistant are known to a model of a chat"
            raise RefusalError("refusal.other", field="messages", reason=reason)
        found.append((str(role), _content(each.get("content"))))
    return found


def _content(content: object) -> str:
    """Returns the text of a message, which may be in parts."""
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    if len(texts) < len(parts) or not all(isinstance(text, str) for text in texts):
        raise RefusalError("refusal.other", field="messages", reason="has a content that is not a text")
    return "".join(map(str, texts))


def _params(body: Mapping[str, Any], tokens: int) -> SamplingParams:
    given = {name: body[name] for name in _SETTINGS if body.get(name) is not None}
    if given.get("top_k") == -1:  # vLLM's value for all characters
        given["top_k"] = 0
    return replace(check_params({**given, "stop": _stop(body.get("stop"))}), length=tokens)


def _stop(stop: object) -> object:
    """Returns the one stop text of a request; "" is none."""
    texts = stop if isinstance(stop, list) else [stop]
    if len(texts) > 1:
        raise RefusalError("refusal.other", field="stop", reason=f"has {len(texts)} texts: one is allowed here")
    return texts[0] if texts and texts[0] is not None else ""


def _common(body: Mapping[str, Any]) -> dict[str, Any]:
    model, options = body.get("model"), body.get("stream_options")
    if model is not None and not isinstance(model, str):
        raise RefusalError("refusal.value", field="model", value=shorten(model), allowed=Message("rule.text"))
    if options is not None and not isinstance(options, dict):
        raise RefusalError("refusal.other", field="stream_options", reason="must be an object")
    return {
        "model": model,
        "streams": _flag(body, "stream"),
        "has_usage": _flag(options or {}, "include_usage"),
    }


def _check_names(body: Mapping[str, Any], own: set[str]) -> None:
    known = own | _IGNORED | {"model", "n", "stop", "stream", "stream_options", *_SETTINGS}
    for name, value in body.items():
        if name in known or value is None:
            continue
        if name not in _NEUTRAL:
            raise RefusalError("refusal.other", field=name[:40], reason="is not a parameter here")
        if value not in _NEUTRAL[name]:
            reason = f"is {shorten(value)}: a value that changes the text is not possible here; leave it out"
            raise RefusalError("refusal.other", field=name, reason=reason)


def _whole(body: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if type(value) is not int or not low <= value <= high:
        allowed = Message("rule.whole", low=low, high=high)
        raise RefusalError("refusal.value", field=name, value=shorten(value), allowed=allowed)
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise RefusalError("refusal.other", field=name, reason=f"is {shorten(value)}: it must be true or false")
    return bool(value)


def seed_of(params: SamplingParams, choice: int) -> SamplingParams:
    """Returns the sampling parameters of a choice: each has a seed of its own."""
    return replace(params, seed=(params.seed + choice) % (MAX_SEED + 1))
