"""The objects of OpenAI's protocol."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model.scoring.surprisal import Predictions

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
        kind = "chat.completion" if self.is_chat else "text_completion"
        return {**self._head(kind), "choices": choices, "usage": usage}

    def chunk(self, choices: list[dict[str, Any]], usage: Mapping[str, int] | None = None) -> str:
        """Returns a server-sent event with a part of the answer."""
        kind = "chat.completion.chunk" if self.is_chat else "text_completion"
        return sent({**self._head(kind), "choices": choices, **({"usage": usage} if usage else {})})

    def choice(
        self, index: int, text: str, reason: str | None, probabilities: Probabilities | None, position: int = 0
    ) -> dict[str, Any]:
        """Returns a choice, or a part of it in a chunk.

        Args:
            index: of the choice.
            text: its text.
            reason: why it has ended, from `reason_of`; None while it is written.
            probabilities: of its characters; None if they are not asked for.
            position: of the first character with a probability.
        """
        if self.is_chat:
            message = {"role": "assistant", "content": text}
            of_text: dict[str, Any] | None = probabilities.of_chat() if probabilities else None
            return {"index": index, "message": message, "logprobs": of_text, "finish_reason": reason}
        of_text = probabilities.of_completion(position) if probabilities else None
        return {"index": index, "text": text, "logprobs": of_text, "finish_reason": reason}

    def part(
        self, index: int, text: str, reason: str | None, probabilities: Probabilities | None, position: int
    ) -> dict[str, Any]:
        """Returns a part of a choice, see `choice`; the first one of a message, at position 0, has its role."""
        part = self.choice(index, text, reason, probabilities, position)
        if self.is_chat:
            message = part.pop("message")
            delta = {} if reason else {"content": message["content"]}
            part["delta"] = {"role": message["role"], **delta} if position == 0 and not reason else delta
        return part

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }


def usage_of(prompt: int, completion: int) -> dict[str, int]:
    """Returns the usage of an answer, whose tokens are characters."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def reason_of(finish_reason: str) -> str:
    """Returns the protocol's name for the reason why a reply has ended."""
    return _REASONS.get(finish_reason, "stop")


def sent(content: Mapping[str, Any]) -> str:
    """Returns a server-sent event."""
    return f"data: {json.dumps(content, separators=(',', ':'))}\n\n"  # ASCII: it may hold half of a surrogate pair
