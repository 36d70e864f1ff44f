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
from model.settings import SETTINGS, shorten

from ...messages import RefusalError
from ...settings import MAX_LENGTH, Fields, check_params, check_text, refused
from ..requests import MAX_TEXT

MAX_CHOICES = 8
MAX_LOGPROBS = 20
MAX_MESSAGES = 10_000
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


def parse_completion(fields: Fields) -> Wanted:
    """Returns the checked request for completions."""
    _check_names(fields, {"prompt", "echo"})
    given = fields.values.get("prompt")
    prompts = given if isinstance(given, list) and given else ["" if given is None else given]
    count, echo = fields.whole("n", 1, MAX_CHOICES, default=1), fields.flag("echo")
    if len(prompts) * count > MAX_CHOICES:
        raise RefusalError("refusal.other", field="prompt", reason=f"and n ask for over {MAX_CHOICES} choices")
    tokens = fields.whole("max_tokens", 0 if echo else 1, MAX_LENGTH, default=_DEFAULT_TOKENS)
    has_logprobs = "logprobs" in fields and fields.values["logprobs"] is not False
    return Wanted(
        prompts=tuple(check_text("prompt", prompt) for prompt in prompts),
        params=_params(fields, max(1, tokens)),
        count=count,
        is_scored_only=tokens == 0,
        echo=echo,
        logprobs=fields.whole("logprobs", 0, MAX_LOGPROBS) if has_logprobs else None,
        **_common(fields),
    )


def parse_chat(fields: Fields) -> Wanted:
    """Returns the checked request for the next message of a chat, without the prompt; see `chat_prompt`."""
    _check_names(fields, {"messages", "max_completion_tokens", "top_logprobs"})
    named = "max_completion_tokens" if "max_completion_tokens" in fields else "max_tokens"
    tokens = fields.whole(named, 1, MAX_LENGTH, default=SETTINGS["length"].default)
    return Wanted(
        prompts=(),
        params=_params(fields, tokens),
        count=fields.whole("n", 1, MAX_CHOICES, default=1),
        logprobs=fields.whole("top_logprobs", 0, MAX_LOGPROBS, default=0) if fields.flag("logprobs") else None,
        **_common(fields),
    )


def chat_prompt(fields: Fields, chat: ChatFormat) -> str:
    """Returns the text that a chat model reads before its next message: the messages in the format of the chat."""
    text, answered = "", True
    messages = fields.list("messages", MAX_MESSAGES)
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if role == "user":
            text += chat.wrap(_content(message))
        elif role == "assistant":
            text += (chat.opening if answered else "") + _content(message).strip() + chat.stop
        else:
            reason = f"has the role {shorten(role)}: only user and assistant are known to a model of a chat"
            raise RefusalError("refusal.other", field="messages", reason=reason)
        answered = role == "assistant"
    if not messages:
        raise refused("messages", messages, "a list of messages with role and content")
    return check_text("messages", text + (chat.opening if answered else ""), most=MAX_TEXT)


def _content(message: Mapping[str, Any]) -> str:
    """Returns the text of a message, which may be in parts."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    if len(texts) < len(parts) or not all(isinstance(text, str) for text in texts):
        raise RefusalError("refusal.other", field="messages", reason="has a content that is not a text")
    return "".join(map(str, texts))


def _params(fields: Fields, tokens: int) -> SamplingParams:
    given = {name: fields.values[name] for name in _SETTINGS if name in fields}
    if given.get("top_k") == -1:  # vLLM's value for all characters
        given["top_k"] = 0
    stop = fields.values.get("stop")
    texts = stop if isinstance(stop, list) else [stop]
    if len(texts) > 1:
        raise RefusalError("refusal.other", field="stop", reason=f"has {len(texts)} texts: one is allowed here")
    return replace(check_params({**given, "stop": texts[0] if texts else None}), length=tokens)


def _common(fields: Fields) -> dict[str, Any]:
    return {
        "model": fields.text("model") if "model" in fields else None,
        "streams": fields.flag("stream"),
        "has_usage": "stream_options" in fields and fields.object("stream_options").flag("include_usage"),
    }


def _check_names(fields: Fields, own: set[str]) -> None:
    known = own | _IGNORED | {"model", "max_tokens", "n", "logprobs", "stop", "stream", "stream_options", *_SETTINGS}
    for name, value in fields.values.items():
        if name in known or value is None:
            continue
        if name not in _NEUTRAL:
            raise RefusalError("refusal.other", field=name[:40], reason="is not a parameter here")
        if value not in _NEUTRAL[name]:
            reason = f"is {shorten(value)}: a value that changes the text is not possible here; leave it out"
            raise RefusalError("refusal.other", field=name, reason=reason)
