"""Writing from a program: ``stream`` and ``generate``, each with an engine of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .backends.backend import Precision
from .char_lstm import CharLSTM
from .engine.blend import Blend
from .engine.engine import Engine
from .engine.sequence import Memory, Sequence
from .settings import SamplingParams, draw_seed


class Stream(Iterator[str]):
    """A reply as an iterator over its pieces, mostly single characters.

    Attributes:
        sequence: seed (in ``sequence.params``), ``text`` so far, ``finish_reason``, and in the end the ``memory``
            that the next call can go on from.
    """

    def __init__(self, engine: Engine, sequence: Sequence) -> None:
        self.sequence = sequence
        self._engine = engine
        self._position = 0

    def abort(self) -> None:
        """Ends it before its next character; what is written by then still comes. From any thread or signal handler."""
        self._engine.abort(self.sequence)

    def __next__(self) -> str:
        while True:
            piece = self.sequence.since(self._position)
            if piece:
                self._position += len(piece)
                return piece
            if self.sequence.error:
                raise RuntimeError(self.sequence.error)
            if self.sequence.finished:
                raise StopIteration
            self._engine.step()


def stream(
    lm: CharLSTM | Blend,
    prompt: str = "",
    length: int = SamplingParams.length,
    *,
    temperature: float = SamplingParams.temperature,
    top_k: int = SamplingParams.top_k,
    top_p: float = SamplingParams.top_p,
    min_p: float = SamplingParams.min_p,
    seed: int | None = None,
    stop: str = SamplingParams.stop,
    share: float | None = SamplingParams.share,
    memory: Memory | None = None,
    draw_offset: int = 0,
    clamps: Iterable[tuple[int, int, float]] = (),
    precision: Precision | None = None,
) -> Stream:
    """Writes on from a prompt, piece by piece; what is written, without the prompt.

    The same arguments and seed give the same text, on any machine unless ``precision`` is "float32". ``memory``
    and ``draw_offset`` go on from an earlier reply: ``stream(lm, memory=s.sequence.memory,
    draw_offset=s.sequence.next_draw_offset, seed=…)`` is what a longer reply would have said. ``clamps`` keeps cells
    at a value while it writes: ``clamps=[(0, 410, 4.0)]`` is cell 410 of layer 0, at 4; it shows tanh of it. At most
    four. ``share`` is for a ``Blend``, in place of its own.

    Raises:
        ValueError: an argument is out of bounds, see ``SamplingParams``, or the model has no such cell.
    """
    params = SamplingParams(
        temperature=temperature,
        length=length,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        seed=draw_seed() if seed is None else seed,
        stop=stop,
        share=share,
    )
    engine = Engine(lm, max_slots=1, precision=precision)
    return Stream(engine, engine.add_request(prompt, params, memory=memory, draw_offset=draw_offset, clamps=clamps))


def generate(lm: CharLSTM | Blend, prompt: str = "", length: int = SamplingParams.length, **options: object) -> str:
    """The whole reply at once; arguments and errors as of ``stream``."""
    return "".join(stream(lm, prompt, length, **options))  # type: ignore[arg-type]
