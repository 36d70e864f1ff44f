"""Generation from a Python program: `stream` yields a reply piece by piece, `generate` returns it whole."""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal, ParamSpec

from .engine.blend import LanguageModel
from .engine.engine import Engine
from .engine.sequence import Memory, Sequence
from .settings import Precision, SamplingParams, Settings, draw_seed
from .tokenizer import UnknownCharactersError, describe_unknown

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in Python itself from 3.11 on

P = ParamSpec("P")
# For a program that takes a character within this time, several are generated at once. For a slower program they would
# be generated too early: `abort` must end the reply before the next character.
_FAST_S = 0.001


class Stream(Iterator[str]):
    """A reply as an iterator over its characters.

    Attributes:
        sequence: the reply so far: `text`, `finish_reason`, `params` with the seed, and at the end the `memory` from
            which the next call can continue.

    Raises:
        RuntimeError: from `next`, if the model failed.
    """

    def __init__(self, engine: Engine, sequence: Sequence) -> None:
        self.sequence = sequence
        self._engine = engine
        self._position = 0
        self._ready = iter("")  # characters of the reply that are not yielded yet
        self._burst_until = 0.0

    def abort(self) -> None:
        """Ends the reply before its next character; ready pieces are still yielded. Safe in threads and signals."""
        self._engine.abort(self.sequence)

    def __next__(self) -> str:
        while True:
            for character in self._ready:
                return character
            piece = self.sequence.since(self._position)
            if piece:
                self._position += len(piece)
                self._ready = iter(piece)
                self._burst_until = time.monotonic() + _FAST_S * len(piece)
            elif self.sequence.error:
                raise RuntimeError(self.sequence.error) from self.sequence.cause
            elif self.sequence.finished:
                raise StopIteration
            else:
                self._engine.step(burst=time.monotonic() < self._burst_until)


def stream(
    lm: LanguageModel,
    prompt: str = "",
    length: int = SamplingParams.length,
    *,
    seed: int | None = None,
    memory: Memory | None = None,
    draw_offset: int = 0,
    clamps: Iterable[tuple[int, int, float]] = (),
    precision: Precision | None = None,
    unknown: Literal["warn", "skip", "raise"] = "warn",
    **settings: Unpack[Settings],
) -> Stream:
    """Returns an iterator that generates the text after a prompt; the prompt itself is not in it.

    In int8 the same arguments and seed give the same text on any machine and device; in float32 only on the same one.

    Args:
        lm: a `CharLSTM` or a `Blend`.
        prompt: the text before the reply; "" starts as after a line end.
        length: the maximum number of characters.
        seed: 0 to 2^32 - 1; None draws one, which is in `Stream.sequence.params`.
        memory, draw_offset: `memory` and `next_draw_offset` of an earlier reply's sequence, to continue it: with the
            same seed, both together are the text of one longer reply.
        clamps: up to four cells that are clamped to a value while the reply is generated: (0, 410, 4.0) is cell 410
            of layer 0, at 4.
        precision: "int8" or "float32"; None is the default of the model, see `Engine`.
        unknown: what happens with characters of the prompt that the model does not have: "warn" skips them with a
            UserWarning that names them, "skip" skips them silently, "raise" refuses the prompt.
        settings: temperature, top_k, top_p, min_p, stop, and share for a `Blend`; see `SamplingParams`.

    Raises:
        TypeError: the prompt is not a str.
        UnknownCharactersError: the prompt has unknown characters, and `unknown` is "raise".
        ValueError: a setting is out of bounds, or the memory or a clamp does not fit the model.
    """
    params = SamplingParams(length=length, seed=draw_seed() if seed is None else seed, **settings)
    engine = Engine(lm, max_slots=1, precision=precision)
    sequence = engine.add_request(prompt, params, memory=memory, draw_offset=draw_offset, clamps=clamps)
    if sequence.unknown and unknown == "raise":
        raise UnknownCharactersError(sequence.unknown)
    if sequence.unknown and unknown == "warn":
        names = describe_unknown(sequence.unknown)
        warnings.warn(f"the prompt has characters that this model does not know, skipped: {names}", stacklevel=2)
    return Stream(engine, sequence)


def _as_text(function: Callable[P, Stream]) -> Callable[P, str]:
    def generate(*args: P.args, **kwargs: P.kwargs) -> str:
        """Returns the text after a prompt. Arguments and errors: see `stream`."""
        return "".join(function(*args, **kwargs))

    # So that inspect and editors show the parameters of `stream`.
    generate.__signature__ = inspect.signature(function).replace(return_annotation=str)  # type: ignore[attr-defined]
    return generate


generate = _as_text(stream)
