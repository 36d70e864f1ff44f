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
