"""The API: ``/generate`` writes a text, ``/score`` measures how surprised a model is by a text, ``/inspect`` shows what
one cell does.

Every argument is checked; an error names the argument, its value and what is allowed. Gradio derives an endpoint from a
function's signature and docstring. Those of ``/generate`` are made from the table of generation settings.
"""

# No ``from __future__ import annotations``: Gradio reads the types of an endpoint's results as they are.
import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from inspect import Parameter, Signature
from itertools import islice
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse

from model import TextTrace, TokenTrace
from model.clamps import MAX_CLAMPS, MAX_VALUE
from model.engine.blend import DEFAULT_SHARE
from model.scoring import Score, score_in_slices
from model.settings import SETTINGS
from model.trace import UNKNOWN

from ..conversation import ReadText
from ..messages import Message, RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..settings import (
    DEADLINE_S,
    MAX_PROMPT,
    PAGE_SETTINGS,
    check_clamps,
    check_params,
    check_text,
    check_whole,
    refused,
)
from .requests import Services, WriteRequest
from .write import RunningReplies, RunningReply

log = logging.getLogger("char-lstm")

MAX_INSPECTED = 2_000  # characters
MAX_UNKNOWN = 100  # characters that a result names
_SCORED = 512  # characters in a slice of work, which takes about 20 ms
_TRACED = 64
# Between two messages, of the time of a reply so far: Gradio sends and keeps the whole text each time.
_SPACING = 1 / 20
# HTTP clients send arguments by position: the order stays, and a new setting is appended.
_ORDER = ("prompt", "length", "temperature", "top_k", "top_p", "seed", "model", "stop", "hold", "blend_with", "share")

_Reply = tuple[str, dict[str, Any]]


class _Argument(NamedTuple):
    """An argument of /generate: its type, its description, and its default."""

    type: Any
    help: str
    default: Any = Parameter.empty


def api_endpoints(replies: RunningReplies) -> dict[str, Callable[..., Any]]:
    """Returns the functions of the endpoints by name; `inspect` is one only if the owner allows the lenses."""
    services = replies.services
    functions = [_generate(replies), _score(services)]
    if services.registry.site.lenses:
        functions.append(_inspect(services))
    return {function.__name__: function for function in functions}


def refuse_malformed(_request: Request, _error: Exception) -> JSONResponse:
    """Returns the answer to a body with wrong fields; FastAPI's own repeats the body and fails if it is not UTF-8."""
    detail = "a field of the request is missing or has a wrong type, or its Content-Type is not application/json"
    return JSONResponse({"detail": detail}, status_code=422)


def _generate_arguments(model: str) -> dict[str, _Argument]:
    """Returns the arguments of /generate: all settings, and what they are applied to; ``model`` describes that one."""
    clamps = f"up to {MAX_CLAMPS} lists of layer and cell, both from 0, and value, -{MAX_VALUE:g} to {MAX_VALUE:g}"
    arguments = {
        "prompt": _Argument(str, f"the text to continue, at most {MAX_PROMPT:,} characters; may be empty"),
        "model": _Argument(str | None, model, None),
        "hold": _Argument(
            list[list[float]] | None,
            f"cells that are clamped to a value while the text is written: {clamps}, as in [[1, 5, -4]]; default none",
            None,
        ),
        "blend_with": _Argument(
            str | None, "another model, whose predictions are mixed with those of model; default none", None
        ),
    }
    for name in SETTINGS:
        setting = PAGE_SETTINGS[name]
        default = DEFAULT_SHARE if name == "share" else setting.default
        shown = "random" if default is None else "empty" if default == "" else f"{default:g}"
        kind: Any = setting.type | None if setting.default is None else setting.type
        arguments[name] = _Argument(kind, f"{setting.help}; {setting.rule}; default {shown}", setting.default)
    return {name: arguments[name] for name in dict.fromkeys((*_ORDER, *SETTINGS))}


def _model_help(registry: ModelRegistry) -> str:
    return f"one of {', '.join(registry.names)}; default the first of them"


def _generate(replies: RunningReplies) -> Callable[..., Any]:
    registry = replies.services.registry
    arguments = _generate_arguments(_model_help(registry))

    async def generate(request: gr.Request, *values: Any) -> AsyncIterator[_Reply]:
        settings = dict(zip(arguments, values, strict=False))
        prompt, model, hold, blend_with = (settings.pop(name) for name in ("prompt", "model", "hold", "blend_with"))
        with _refusals_as_errors():
            text = check_text("prompt", prompt)
            params = check_params(settings)
            loaded = await registry.find(model)
            about = {"seed": params.seed, "model": loaded.name, "commit": loaded.lm.commit}
            clamps = check_clamps([] if hold is None else hold, loaded.lm.config)
            if blend_with is not None:
                if clamps:
                    raise RefusalError("refusal.clamps_with_blend", field="hold")
                second = await _second_model(registry, loaded, blend_with)
                loaded = await asyncio.to_thread(registry.blend, loaded, second)
                share = DEFAULT_SHARE if params.share is None else params.share
                about |= {"blend_with": second.name, "blend_commit": second.lm.commit, "share": share}
            address, client = _caller(request)
            wanted = WriteRequest(client=client, served=loaded, params=params, cells=clamps)
            reply = await replies.start(wanted, ReadText(loaded, text), address)
            try:
                async for written, reason in spaced(reply):
                    yield written, {**about, "finish_reason": reason}
            finally:
                replies.end(reply)
        if reply.error:
            raise _call_error(str(reply.error))

    description = (
        "Continues a text with a character LSTM, which knows nothing but the text it was trained on: it imitates that "
        "text and does not answer questions. Each message holds the text so far, without the prompt, and a JSON object "
        "with seed, model, commit and finish_reason (null while it writes; then length, stop, blocked when the next "
        f"word is a blocked one, abort, or time after {DEADLINE_S:.0f} s); with blend_with also blend_with, "
        "blend_commit and share. The same arguments and seed give the same text."
    )
    kind = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        Parameter("request", kind, annotation=gr.Request),
        *(Parameter(name, kind, default=each.default, annotation=each.type) for name, each in arguments.items()),
    ]
    generate.__signature__ = Signature(parameters, return_annotation=_Reply)  # type: ignore[attr-defined]
    generate.__annotations__ = {each.name: each.annotation for each in parameters}
    return _described(generate, description, **{name: each.help for name, each in arguments.items()})


def _score(services: Services) -> Callable[..., Any]:

    async def score(request: gr.Request, text: str, model: str | None = None) -> dict[str, Any]:
        with _refusals_as_errors():
            check_text("text", text)
            loaded = await services.registry.find(model)
            address, _ = _caller(request)
            services.limiter.check_cpu(address)
            result = await services.workers.run_slices(address, score_in_slices(loaded.lm.models[0], text, _SCORED))
            scored = await services.workers.run(address, _scored, result)
        return {**scored, "model": loaded.name, "commit": loaded.lm.commit}

    return _described(
        score,
        "Measures how surprised a character LSTM is by a text: the bits of each character (null where the "
        "model does not know it), their total, bits per character (bpc), and the characters that it does not know "
        f"(the first {MAX_UNKNOWN} different ones).",
        text=f"at most {MAX_PROMPT:,} characters",
        model=_model_help(services.registry),
    )


def _inspect(services: Services) -> Callable[..., Any]:

    async def inspect(
        request: gr.Request, text: str, layer: int = 0, cell: int = 0, model: str | None = None
    ) -> dict[str, Any]:
        with _refusals_as_errors():
            check_text("text", text, most=MAX_INSPECTED)
            loaded = await services.registry.find(model)
            config = loaded.lm.config
            place = [
                check_whole("layer", layer, 0, config.num_layers - 1),
                check_whole("cell", cell, 0, config.hidden_size - 1),
            ]
            address, _ = _caller(request)
            services.limiter.check_cpu(address)
            trace = await services.workers.run_slices(address, _trace_cell(loaded, text, *place))
        return {**trace, "model": loaded.name, "commit": loaded.lm.commit}

    return _described(
        inspect,
        "Shows what one cell of a character LSTM does while the model reads a text: its value c after each "
        "character, its gates i, f, g and o, and the bits of the character (null for c and gates where the model does "
        "not know it). names lists the cells of the model that follow a named feature of the text, and how well.",
        text=f"at most {MAX_INSPECTED:,} characters",
        layer="the layer, from 0; default 0",
        cell="the cell of that layer, from 0; default 0",
        model=_model_help(services.registry),
    )


async def spaced(reply: RunningReply) -> AsyncIterator[tuple[str, str | None]]:
    """Yields the text so far less and less often, and at its end with the reason why it has ended.

    Gradio sends the whole text each time, and keeps the messages of a client that never reads them.
    """
    began = shown_at = time.monotonic()
    text = ""
    async for piece in reply.pieces():
        is_first, text, now = not text, text + piece, time.monotonic()
        if is_first or now - shown_at >= (now - began) * _SPACING:
            shown_at = now
            yield text, None
    yield text, reply.finish_reason


async def _second_model(registry: ModelRegistry, first: LoadedModel, name: str) -> LoadedModel:
    """Returns the model that is blended with the first."""
    try:
        second = await registry.find(name)
    except RefusalError as refusal:
        message = Message(refusal.id, **refusal.values)
        raise RefusalError(message, field="blend_with" if refusal.field else "") from None
    if second is first:
        raise refused("blend_with", name, Message("rule.other_model"))
    return second


def _scored(result: Score) -> dict[str, Any]:
    """Returns the result of /score, without the model's name and commit."""
    known = ~np.isnan(result.bits)
    return {
        "bits": [float(bits) if is_known else None for bits, is_known in zip(result.bits, known, strict=True)],
        "total": float(result.bits[known].sum()),
        "bpc": result.bpc if known.any() else None,
        "unknown": [
            {"character": _printable(each.character), "position": each.position, "times": each.times}
            for each in result.unknown[:MAX_UNKNOWN]
        ],
    }


def _trace_cell(loaded: LoadedModel, text: str, layer: int, cell: int) -> Generator[None, None, dict[str, Any]]:
    """Returns the result of /inspect, without the model's name and commit; yields every few milliseconds."""
    trace = TextTrace(loaded.lm, precision=loaded.engine.precision)
    trace.set_text(text)
    tokens: list[TokenTrace] = []
    parts = [np.zeros((0, 4), np.float32)]
    for start in range(0, len(text), _TRACED):
        tokens += islice(trace.tokens(start), _TRACED)
        yield
    for start in range(0, len(text), _TRACED):
        parts.append(trace.gates(layer, start, start + _TRACED)[:, :, cell])
        yield
    gates = np.concatenate(parts)

    def rounded(values: Iterable[float]) -> list[float | None]:
        return [
            round(float(value), 4) if token.id != UNKNOWN else None for value, token in zip(values, tokens, strict=True)
        ]

    return {
        "c": rounded(token.cells[layer, cell] for token in tokens),
        **{name: rounded(gates[:, at]) for at, name in enumerate("ifgo")},
        "bits": rounded(token.bits for token in tokens),
        "names": [{**each.facts(), "remembers": each.remembers} for each in loaded.lm.cells],
    }


def _printable(character: str) -> str:
    """Returns a character; of half of a surrogate pair, which JSON cannot hold, the code point as a text."""
    return f"U+{ord(character):04X}" if "\ud800" <= character <= "\udfff" else character


def _described(function: Callable[..., Any], description: str, **arguments: str) -> Callable[..., Any]:
    """Returns an endpoint's function with its docstring, which describes it and each argument; MCP shows it, too."""
    lines = [f"    {name}: {help}" for name, help in arguments.items()]
    function.__doc__ = "\n".join([description, "", "Args:", *lines])
    return function


@contextmanager
def _refusals_as_errors() -> Iterator[None]:
    """Turns a refusal into a ``gr.Error``, whose text reaches the caller; any other exception into a general one."""
    try:
        yield
    except RefusalError as refusal:
        raise _call_error(str(refusal)) from None
    except Exception:
        log.exception("a call failed")
        raise _call_error("something went wrong here: try again later") from None


def _caller(request: gr.Request) -> tuple[str, str]:
    """Returns the address of a call, and the client for the limit of replies."""
    # For a call without a session Gradio makes one up, and for MCP its own client does: neither identifies a visitor.
    chosen = request.url.path.endswith("/queue/join") and request.headers.get("x-gradio-user") != "mcp"
    address = request.client.host if request.client else ""
    return address, f"{address} {(chosen and request.session_hash) or 'api'}"


def _call_error(message: str) -> gr.Error:
    """Returns an error that Gradio sends to the caller and does not log."""
    return gr.Error(message, print_exception=False)
