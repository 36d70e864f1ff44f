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
from typing import Any

import gradio as gr
import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse
from gradio.context import LocalContext
from gradio.events import api as add_endpoint
from gradio.utils import get_function_description

from model import TextTrace, score
from model.clamps import MAX_CLAMPS, MAX_VALUE
from model.engine.blend import DEFAULT_SHARE
from model.settings import shorten
from model.trace import UNKNOWN

from ..conversation.clamps import check_clamps
from ..conversation.progress import ask, follow
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..settings import DEADLINE_S, MAX_LENGTH, MAX_PROMPT, RawSettings, RefusalError, check_index, check_text
from ..words import english

log = logging.getLogger("char-lstm")

MAX_INSPECTED = 2_000  # characters
_SCORES_AT_ONCE = 2  # each may take a second or two of a core


class Blocks(gr.Blocks):
    """Blocks whose endpoints say what is wrong with a call before Gradio looks into it."""

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        """Called by Gradio before a function; the list is what the function then gets."""
        names = [english(block.label or "") for block in block_fn.inputs]
        if block_fn.api_visibility == "public":
            arguments = inspect.signature(block_fn.fn).parameters
            names = list(arguments)
            for name in names[len(inputs) :]:
                if arguments[name].default is inspect.Parameter.empty:
                    raise _error(f"{name} is missing: /{block_fn.api_name} needs it")
                inputs.append(arguments[name].default)
        for name, value in zip(names, inputs, strict=False):
            # Gradio takes an object for an uploaded file, wherever it stands, and fails without a word.
            if name == "hold" and _is_table(value):
                continue
            if isinstance(value, dict | list):
                what = "a list of [layer, cell, value]" if name == "hold" else "a text or a number"
                raise _error(f"{name} is {shorten(value)}: it must be {what}")
        super().validate_inputs(block_fn, inputs)

    def get_api_info(self, *asked: Any, **more: Any) -> Any:
        """What Gradio tells of the endpoints, and of each argument what the function's docstring says of it."""
        info = super().get_api_info(*asked, **more)
        for block_fn in self.fns.values():
            told = info["named_endpoints"].get(f"/{block_fn.api_name}")
            if told and block_fn.fn:
                _, arguments, _ = get_function_description(block_fn.fn)
                for each in told["parameters"]:
                    each["python_type"]["description"] = arguments.get(each["parameter_name"], "")
        return info


def no_such_endpoint(_request: Request, _error: Exception) -> JSONResponse:
    """What Gradio leaves to the web server: an internal error, with a traceback in the log."""
    return JSONResponse(
        {"detail": "there is no such endpoint: there are /generate, /score and /inspect"}, status_code=404
    )


def add(registry: ModelRegistry) -> None:
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
        hold: list[list[float]] | None = None,
        blend_with: str | None = None,
        share: float | None = None,
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        with _as_errors():
            text = check_text("prompt", prompt)
            params = RawSettings(length, temperature, top_k, top_p, seed, stop, share).check()
            served = registry.get(model)
            about = {"seed": params.seed, "model": served.name, "commit": served.lm.commit}
            held = check_clamps([] if hold is None else hold, served.lm.config)
            if blend_with is not None:
                if held:
                    raise RefusalError("hold", "is given: the cells of two models that write together cannot be held")
                second = _other(registry, served, blend_with)
                served = registry.blend(served, second)
                about |= {"blend_with": second.name, "blend_commit": second.lm.commit, "share": served.share_of(params)}
            sequence = ask(served, text, params, owner=_caller(), hold=held)
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
            served = registry.get(model)
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
            served = registry.get(model)
            config = served.lm.config
            place = check_index("layer", layer, config.num_layers), check_index("cell", cell, config.hidden_size)
            told = await asyncio.to_thread(_inspected, served, text, *place)
        return {**told, "model": served.name, "commit": served.lm.commit}

    models = f"one of {', '.join(registry.names)}; the first of them if not given"
    generate.__doc__ = f"""
        Writes on from a beginning with a character LSTM, which knows nothing but the text it was trained on: it makes
        up text in that style and answers no questions. Each message holds the text so far, without the prompt, and a
        JSON of seed, model, commit and finish_reason (null while it writes; then length, stop, blocked when a word
        follows that is not shown here, abort, or time after {DEADLINE_S:.0f} s); of two models that write together
        also of blend_with, blend_commit and share. The same arguments and seed give the same text.

        Args:
            prompt: the beginning, at most {MAX_PROMPT:,} characters, read as it is; may be empty
            length: how many characters to write, 1 to {MAX_LENGTH:,}
            temperature: 0 to 5; 0 is always the likeliest character, 0.8 is sensible, above 1 is wild
            top_k: only so many of the likeliest characters; 0 is all
            top_p: only the likeliest characters that together have this probability, above 0; 1 is all
            seed: 0 to 4294967295; drawn if not given, and told
            model: {models}
            stop: the text ends before this, at most 100 characters; none if empty
            hold: up to {MAX_CLAMPS} cells that are held while it writes, each a list of layer and cell, both from 0,
                and the value of its c, -{MAX_VALUE:g} to {MAX_VALUE:g}, such as [[1, 5, -4]]; none if not given
            blend_with: another one of the models, to write the text together with model; none if not given
            share: how much of a say blend_with has, 0 to 1; {DEFAULT_SHARE} if not given
        """
    score_text.__doc__ = f"""
        Tells how surprised a character LSTM is by a text: the bits of each character (null where the model does not
        know it), their total, bits per character (bpc), and the characters that it does not know.

        Args:
            text: at most {MAX_PROMPT:,} characters
            model: {models}
        """
    inspect_cell.__doc__ = f"""
        Tells what one cell of a character LSTM does as it reads a text: its value c after each character, its gates i,
        f, g and o as it read it, and the bits that the character cost (null for c and gates where the model does not
        know it). names holds the cells of the model that follow something with a name, and how well.

        Args:
            text: at most {MAX_INSPECTED:,} characters
            layer: which layer, from 0
            cell: which of its cells, from 0
            model: {models}
        """
    text_and_about = tuple[str, dict[str, Any]]
    _add("generate", text_and_about, generate, at_once=None)
    _add("score", dict[str, Any], score_text, at_once=_SCORES_AT_ONCE)
    _add("inspect", dict[str, Any], inspect_cell, at_once=_SCORES_AT_ONCE)


def _is_table(value: object) -> bool:
    """Whether it is a list of values, or of lists of values."""
    rows = value if isinstance(value, list) else [value]
    values = [each for row in rows for each in (row if isinstance(row, list) else [row])]
    return isinstance(value, list) and not any(isinstance(each, dict | list) for each in values)


def _other(registry: ModelRegistry, first: LoadedModel, name: str) -> LoadedModel:
    """The model that is to write together with the first."""
    try:
        second = registry.get(name)
    except RefusalError as refusal:
        raise RefusalError("blend_with" if refusal.field else "", refusal.reason) from None
    if second is first:
        raise RefusalError("blend_with", f"is {shorten(name)}, which writes already: it must be another model")
    return second


def _inspected(served: LoadedModel, text: str, layer: int, cell: int) -> dict[str, Any]:
    reading = TextTrace(served.lm, precision=served.engine.precision)
    reading.set_text(text)
    seen = list(reading.tokens())
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


def _add(name: str, result: Any, function: Callable[..., Any], *, at_once: int | None) -> None:
    """An endpoint, and a tool for models of language where MCP is on.

    Args:
        result: what one message of the function holds; Gradio looks for it as the return type.
    """
    function.__name__ = name  # a tool is called by it
    function.__signature__ = inspect.signature(function).replace(  # type: ignore[attr-defined]
        return_annotation=result
    )
    add_endpoint(function, api_name=name, concurrency_limit=at_once)


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

    An argument of type gr.Request would stand in the endpoint's description as one to be given. All calls over MCP
    come in one session, that of Gradio's own client, though many may call.
    """
    request = LocalContext.request.get(None)
    if request is None or request.headers.get("x-gradio-user") == "mcp":
        return ""
    return str(request.session_hash or "")


def _error(message: str) -> gr.Error:
    return gr.Error(message, print_exception=False)


def _printable(character: str) -> str:
    """Half of a surrogate pair cannot be sent as JSON: it is named instead."""
    return f"U+{ord(character):04X}" if "\ud800" <= character <= "\udfff" else character
