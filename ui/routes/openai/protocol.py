"""The parameters of a request in OpenAI's protocol, checked, and the objects of the answers.

Parameters that this app does not have are accepted where they change nothing, such as a penalty of 0; any other is
refused by its name.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from model import SamplingParams
from model.chat import ChatFormat
from model.scoring import Predictions
from model.settings import SETTINGS, shorten

from ...messages import RefusalError
from ...settings import MAX_LENGTH, MAX_TEXT, Fields, check_params, check_text, refused

MAX_CHOICES = 8
MAX_LOGPROBS = 20
MAX_MESSAGES = 10_000
_DEFAULT_TOKENS = 16  # of a completion, in the protocol; a message ends at the chat's stop text
_SETTINGS = ("temperature", "top_p", "top_k", "min_p", "seed")
_IGNORED = {
    *("user", "metadata", "store", "service_tier", "parallel_tool_calls", "prompt_cache_key", "safety_identifier"),
    *("reasoning_effort", "verbosity"),
}
_COMMON = _IGNORED | {"model", "max_tokens", "n", "logprobs", "stop", "stream", "stream_options", *_SETTINGS}
_OF_COMPLETION = _COMMON | {"prompt", "echo"}
_OF_CHAT = _COMMON | {"messages", "max_completion_tokens", "top_logprobs"}
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


def parse(fields: Fields, *, is_chat: bool) -> Wanted:
    """Returns the checked request for completions, or for the next message of a chat, whose prompt `chat_prompt` makes.

    Raises:
        RefusalError: a parameter is not allowed; its field is the parameter's name.
    """
    _check_names(fields, _OF_CHAT if is_chat else _OF_COMPLETION)
    given = fields.values.get("prompt")
    prompts = given if isinstance(given, list) and given else ["" if given is None else given]
    count, echo = fields.whole("n", 1, MAX_CHOICES, default=1), fields.flag("echo")
    if len(prompts) * count > MAX_CHOICES:
        raise RefusalError("refusal.other", field="prompt", reason=f"and n ask for over {MAX_CHOICES} choices")
    named = "max_completion_tokens" if "max_completion_tokens" in fields else "max_tokens"
    default = SETTINGS["length"].default if is_chat else _DEFAULT_TOKENS
    tokens = fields.whole(named, 0 if echo else 1, MAX_LENGTH, default=default)
    logprobs = None
    if is_chat and fields.flag("logprobs"):
        logprobs = fields.whole("top_logprobs", 0, MAX_LOGPROBS, default=0)
    elif not is_chat and "logprobs" in fields and fields.values["logprobs"] is not False:
        logprobs = fields.whole("logprobs", 0, MAX_LOGPROBS)
    return Wanted(
        model=fields.text("model") if "model" in fields else None,
        prompts=tuple(check_text("prompt", prompt) for prompt in prompts),
        params=_params(fields, max(1, tokens)),
        count=count,
        is_scored_only=tokens == 0,
        echo=echo,
        logprobs=logprobs,
        streams=fields.flag("stream"),
        has_usage="stream_options" in fields and fields.object("stream_options").flag("include_usage"),
    )


def chat_prompt(fields: Fields, chat: ChatFormat) -> str:
    """Returns the text that a chat model reads before its next message: the messages in the format of the chat.

    Raises:
        RefusalError: a message is not allowed, or the text is too long.
    """
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


def _check_names(fields: Fields, known: set[str]) -> None:
    for name, value in fields.values.items():
        if name in known or value is None:
            continue
        if name not in _NEUTRAL:
            raise RefusalError("refusal.other", field=name[:40], reason="is not a parameter here")
        if value not in _NEUTRAL[name]:
            reason = f"is {shorten(value)}: a value that changes the text is not possible here; leave it out"
            raise RefusalError("refusal.other", field=name, reason=reason)


_REASONS = {"length": "length", "stop": "stop", "blocked": "content_filter", "time": "length"}
_LN2 = math.log(2)


@dataclass
class Probabilities:
    """The probabilities of the characters of one choice, from `Scorer`.

    Attributes:
        tokens: the characters.
        logprobs: the natural logarithm of the probability of each; None for a character that the model does not have.
        top: the most likely characters at each, with the same logarithms.
    """

    tokens: list[str] = field(default_factory=list)
    logprobs: list[float | None] = field(default_factory=list)
    top: list[list[tuple[str, float]]] = field(default_factory=list)

    @classmethod
    def of(cls, text: str, found: Predictions) -> Probabilities:
        """Returns the probabilities of a text."""
        logprobs = [None if math.isnan(bits) else -float(bits) * _LN2 for bits in found.bits]
        return cls(list(text), logprobs, found.top)

    def add(self, more: Probabilities) -> None:
        """Adds the probabilities of the next characters."""
        self.tokens += more.tokens
        self.logprobs += more.logprobs
        self.top += more.top

    def of_completion(self, position: int) -> dict[str, Any]:
        """Returns them as in a completion, whose text begins with them at a position."""
        return {
            "tokens": self.tokens,
            "token_logprobs": self.logprobs,
            "top_logprobs": [dict(each) for each in self.top],
            "text_offset": list(range(position, position + len(self.tokens))),
        }

    def of_chat(self) -> dict[str, Any]:
        """Returns them as in a message of a chat."""
        return {
            "content": [
                {**_token(token, logprob), "top_logprobs": [_token(*each) for each in top]}
                for token, logprob, top in zip(self.tokens, self.logprobs, self.top, strict=True)
            ]
        }


def _token(token: str, logprob: float | None) -> dict[str, Any]:
    data = list(token.encode("utf-8", "surrogatepass"))
    return {"token": token, "logprob": -9999.0 if logprob is None else logprob, "bytes": data}


@dataclass(frozen=True)
class Shape:
    """The objects of one answer.

    Attributes:
        id: of the answer.
        is_chat: whether it is a message of a chat, and not a completion.
        model: the name of the model.
        fingerprint: what determines the text beside the request: the commit, or the version of the inference.
    """

    id: str
    is_chat: bool
    model: str
    fingerprint: str
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, choices: list[dict[str, Any]], usage: Mapping[str, int]) -> dict[str, Any]:
        """Returns the whole answer."""
        return {**self._head("chat.completion"), "choices": choices, "usage": usage}

    def chunk(self, choices: list[dict[str, Any]], usage: Mapping[str, int] | None = None) -> str:
        """Returns a server-sent event with a part of the answer."""
        return sent({**self._head("chat.completion.chunk"), "choices": choices, **({"usage": usage} if usage else {})})

    def choice(
        self,
        index: int,
        text: str,
        *,
        reason: str | None = None,
        probabilities: Probabilities | None = None,
        position: int | None = None,
    ) -> dict[str, Any]:
        """Returns a choice, or a part of it in a chunk.

        Args:
            index: of the choice.
            text: its text.
            reason: why it has ended, from `reason_of`; None while it is written.
            probabilities: of its characters; None if they are not asked for.
            position: where a part begins in the text; None for a whole choice.
        """
        choice: dict[str, Any] = {"index": index, "logprobs": None, "finish_reason": reason}
        if probabilities:
            choice["logprobs"] = probabilities.of_chat() if self.is_chat else probabilities.of_completion(position or 0)
        if not self.is_chat:
            return {**choice, "text": text}
        message = {"role": "assistant", "content": text}
        if position is None:
            return {**choice, "message": message}
        return {**choice, "delta": {} if reason else message if position == 0 else {"content": text}}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind if self.is_chat else "text_completion",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }


def reason_of(finish_reason: str) -> str:
    """Returns the protocol's name for the reason why a reply has ended."""
    return _REASONS.get(finish_reason, "stop")


def sent(content: Mapping[str, Any]) -> str:
    """Returns a server-sent event."""
    return f"data: {json.dumps(content, separators=(',', ':'))}\n\n"  # ASCII: it may hold half of a surrogate pair
