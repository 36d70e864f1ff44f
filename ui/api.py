"""The API: ``/generate`` writes, ``/score`` tells how surprised a model is by a text, ``/inspect`` what a cell does.

Everything that arrives is checked here; a refusal is a ``gr.Error``, whose text reaches the caller, and says which
argument it is about, what it was and what is allowed.
"""

# No ``from __future__ import annotations``: Gradio reads the types of the endpoints' results as they are.
import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import asdict
from typing import Any, TypeVar

import gradio as gr
import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse
from gradio.context import LocalContext
from gradio.events import api as add_endpoint

from model import Reading, score
from model.reading import UNKNOWN
from model.sampler import shorten

from .settings import DEADLINE_S, MAX_LENGTH, MAX_PROMPT, RawSettings, RefusalError, check_index, check_text
from .shelf import Served, Shelf
from .writing import ask, follow

log = logging.getLogger("char-lstm")

MAX_INSPECTED = 2_000  # characters
_SCORES_AT_ONCE = 2  # each may take a second or two of a core

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Blocks(gr.Blocks):
    """Blocks whose endpoints say what is wrong with a call before Gradio looks into it."""

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        """Called by Gradio before a function; the list is what the function then gets."""
        names = [block.label for block in block_fn.inputs]
        if block_fn.api_visibility == "public":
            arguments = inspect.signature(block_fn.fn).parameters
            names = list(arguments)
            for name in names[len(inputs) :]:
                if arguments[name].default is inspect.Parameter.empty:
                    raise _error(f"{name} is missing: /{block_fn.api_name} needs it")
                inputs.append(arguments[name].default)
        for name, value in zip(names, inputs, strict=False):
            # Gradio takes an object for an uploaded file, wherever it stands, and fails without a word.
            if isinstance(value, dict | list):
                raise _error(f"{name} is {shorten(value)}: it must be a text or a number")
        super().validate_inputs(block_fn, inputs)


def no_such_endpoint(_request: Request, _error: Exception) -> JSONResponse:
    """What Gradio leaves to the web server: an internal error, with a traceback in the log."""
    return JSONResponse(
        {"detail": "there is no such endpoint: there are /generate, /score and /inspect"}, status_code=404
    )


def add(shelf: Shelf) -> None:
    """Adds the endpoints to the Blocks that are being built."""

    async def generate(
        prompt: str,
        length: int,
        temperature: float,
        top_k: int,
        top_p: float,
        seed: int | None = None,
        model: str | None = None,
        stop: str = "",
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        with _as_errors():
            text = check_text("prompt", prompt)
            params = RawSettings(length, temperature, top_k, top_p, seed, stop).check()
            served = shelf.get(model)
            sequence = ask(served, text, params, owner=_caller())
            about = {"seed": params.seed, "model": served.name, "commit": served.lm.commit}
            async with aclosing(follow(served, sequence, sparing=True)) as steps:
                async for _ in steps:
                    # Asked for before the text: a reason to end means that the text is whole.
                    reason = sequence.finish_reason
                    yield sequence.text, {**about, "finish_reason": reason}
        if sequence.error:
            raise _error(f"the model failed: {sequence.error}")

    async def score_text(text: str, model: str | None = None) -> dict[str, Any]:
        with _as_errors():
            check_text("text", text)
            served = shelf.get(model)
            result = await asyncio.to_thread(score, served.lm, text)
        known = ~np.isnan(result.bits)
        return {
            "bits": [float(bits) if is_known else None for bits, is_known in zip(result.bits, known, strict=True)],
            "total": float(result.bits[known].sum()),
            "bpc": result.bpc if known.any() else None,
            "unknown": [
                {"character": _printable(each.character), "position": each.position, "times": each.times}
                for each in result.unknown
            ],
            "model": served.name,
            "commit": served.lm.commit,
        }

    async def inspect_cell(text: str, layer: int = 0, cell: int = 0, model: str | None = None) -> dict[str, Any]:
        with _as_errors():
            check_text("text", text, most=MAX_INSPECTED)
            served = shelf.get(model)
            config = served.lm.config
            place = check_index("layer", layer, config.num_layers), check_index("cell", cell, config.hidden_size)
            told = await asyncio.to_thread(_inspected, served, text, *place)
        return {**told, "model": served.name, "commit": served.lm.commit}

    generate.__doc__ = (
        f"Writes on from a prompt (at most {MAX_PROMPT:,} characters). Each message holds the text so far, without "
        "the prompt, and a JSON: seed, model, commit, finish_reason (null while it writes; then length, stop, "
        "blocked when a word follows that is not shown here, abort or time). "
        f"length: 1 to {MAX_LENGTH:,} characters; it ends after {DEADLINE_S:.0f} s in any case. "
        "temperature: 0 to 5, 0 is always the likeliest. top_k: 0 is off. top_p: above 0, 1 is off. seed: 0 to "
        "2^32 - 1, null draws one. model: one of those served, null is the first. stop: the text ends before it. The "
        "prompt is read as it is, also by a model that chats on the page: config.json says what stands around a turn."
    )
    score_text.__doc__ = (
        f"How surprised the model is by a text of at most {MAX_PROMPT:,} characters: the bits of each character "
        "(null where the model does not know it), their total, bits per character, and the unknown characters."
    )
    inspect_cell.__doc__ = (
        f"What one cell of the model does as it reads a text of at most {MAX_INSPECTED:,} characters: the cell after "
        "each of them (c), its gates i, f, g and o as it read it, and the bits that it cost (null for c and gates "
        "where the model does not know the character). layer, cell: which, both from 0. names: the cells of the model "
        "that follow something with a name, and how well."
    )
    add_endpoint(_returning(tuple[str, dict[str, Any]], generate), api_name="generate", concurrency_limit=None)
    add_endpoint(_returning(dict[str, Any], score_text), api_name="score", concurrency_limit=_SCORES_AT_ONCE)
    inspected = _returning(dict[str, Any], inspect_cell)
    add_endpoint(inspected, api_name="inspect", concurrency_limit=_SCORES_AT_ONCE)


def _inspected(served: Served, text: str, layer: int, cell: int) -> dict[str, Any]:
    reading = Reading(served.lm, arithmetic=served.engine.arithmetic)
    reading.become(text)
    seen = list(reading.walk())
    gates = reading.gates(layer)[:, :, cell]

    def told(values: Iterable[float]) -> list[float | None]:
        known = [each.id != UNKNOWN for each in seen]
        return [round(float(value), 4) if is_known else None for value, is_known in zip(values, known, strict=True)]

    return {
        "c": told(each.cells[layer, cell] for each in seen),
        **{name: told(gates[:, at]) for at, name in enumerate("ifgo")},
        "bits": told(each.bits for each in seen),
        "names": [{**asdict(each), "remembers": each.remembers} for each in served.lm.cells],
    }


def _returning(result: Any, function: _Function) -> _Function:
    """The function, with what one message of it holds as its return type: that is what Gradio looks for."""
    signature = inspect.signature(function).replace(return_annotation=result)
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


@contextmanager
def _as_errors() -> Iterator[None]:
    try:
        yield
    except RefusalError as refusal:
        raise _error(str(refusal)) from None
    except Exception:
        log.exception("a call failed")
        raise _error("something went wrong here: try again later") from None


def _caller() -> str:
    """The session of the client that calls, which is bounded in rows; "" for a bare call, each by itself.

    An argument of type gr.Request would stand in the endpoint's description as one to be given.
    """
    return str(getattr(LocalContext.request.get(None), "session_hash", None) or "")


def _error(message: str) -> gr.Error:
    return gr.Error(message, print_exception=False)


def _printable(character: str) -> str:
    """Half of a surrogate pair cannot be sent as JSON: it is named instead."""
    return f"U+{ord(character):04X}" if "\ud800" <= character <= "\udfff" else character
