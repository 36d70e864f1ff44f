"""The API: ``/generate`` writes a text, ``/score`` measures how surprised a model is by a text, ``/inspect`` shows what
one cell does.

Every argument is checked; an error names the argument, its value and what is allowed.
"""

# No ``from __future__ import annotations``: Gradio reads the types of an endpoint's results as they are.
import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterable
from contextlib import aclosing
from functools import partial
from itertools import islice
from typing import Any

import gradio as gr
import numpy as np

from model import TextTrace, TokenTrace
from model.clamps import MAX_CLAMPS, MAX_VALUE
from model.engine.blend import DEFAULT_SHARE
from model.scoring.surprisal import Score, score_in_slices
from model.settings import SETTINGS, shorten
from model.trace import UNKNOWN

from ..access.limits import Limiter
from ..access.workers import Workers
from ..conversation.clamps import check_clamps
from ..conversation.progress import check_words, follow, submit
from ..messages import Message, RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.lookup import find_model
from ..registry.registry import ModelRegistry
from ..settings import DEADLINE_S, MAX_PROMPT, PAGE_SETTINGS, check_index, check_params, check_text
from .endpoints import Argument, call_error, caller, endpoint, refusals_as_errors

MAX_INSPECTED = 2_000  # characters
MAX_UNKNOWN = 100  # characters that a result names
_SCORED = 512  # characters in a slice of work, which takes about 20 ms
_TRACED = 64
# HTTP clients send arguments by position: the order stays, and a new setting is appended.
_ORDER = ("prompt", "length", "temperature", "top_k", "top_p", "seed", "model", "stop", "hold", "blend_with", "share")

_Reply = tuple[str, dict[str, Any]]


def api_endpoints(registry: ModelRegistry, limiter: Limiter) -> dict[str, Callable[..., Any]]:
    """Returns the functions of the three endpoints by name."""
    functions = [_generate(registry, limiter), _score(registry, limiter), _inspect(registry, limiter)]
    return {function.__name__: function for function in functions}


def generate_arguments(registry: ModelRegistry) -> dict[str, Argument]:
    """Returns the arguments of /generate: all generation settings, and what they are applied to."""
    clamps = f"up to {MAX_CLAMPS} lists of layer and cell, both from 0, and value, -{MAX_VALUE:g} to {MAX_VALUE:g}"
    arguments = {
        "prompt": Argument(str, f"the text to continue, at most {MAX_PROMPT:,} characters; may be empty"),
        "model": _model_argument(registry),
        "hold": Argument(
            list[list[float]] | None,
            f"cells that are clamped to a value while the text is written: {clamps}, as in [[1, 5, -4]]; default none",
            None,
        ),
        "blend_with": Argument(
            str | None, "another model, whose predictions are mixed with those of model; default none", None
        ),
        **{name: _setting_argument(name) for name in SETTINGS},
    }
    return {name: arguments[name] for name in (*_ORDER, *(name for name in SETTINGS if name not in _ORDER))}


def _setting_argument(name: str) -> Argument:
    setting = PAGE_SETTINGS[name]
    default = DEFAULT_SHARE if name == "share" else setting.default
    shown = "random" if default is None else "empty" if default == "" else f"{default:g}"
    kind: Any = setting.type | None if setting.default is None else setting.type
    return Argument(kind, f"{setting.help}; {setting.rule}; default {shown}", setting.default)


def _model_argument(registry: ModelRegistry) -> Argument:
    return Argument(str | None, f"one of {', '.join(registry.names)}; default the first of them", None)


def _generate(registry: ModelRegistry, limiter: Limiter) -> Callable[..., Any]:
    arguments = generate_arguments(registry)
    readers = Workers(limiter, at_once=2)

    async def generate(request: gr.Request, *values: Any) -> AsyncIterator[_Reply]:
        settings = dict(zip(arguments, values, strict=False))
        prompt, model, hold, blend_with = (settings.pop(name) for name in ("prompt", "model", "hold", "blend_with"))
        with refusals_as_errors():
            text = check_text("prompt", prompt)
            params = check_params(settings)
            loaded = await find_model(registry, model)
            about = {"seed": params.seed, "model": loaded.name, "commit": loaded.lm.commit}
            clamps = check_clamps([] if hold is None else hold, loaded.lm.config)
            if blend_with is not None:
                if clamps:
                    raise RefusalError("refusal.clamps_with_blend", field="hold")
                second = await _second_model(registry, loaded, blend_with)
                loaded = await asyncio.to_thread(registry.blend, loaded, second)
                about |= {"blend_with": second.name, "blend_commit": second.lm.commit, "share": loaded.share_of(params)}
            client = caller(request)
            await readers.run_slices(client.address, check_words(loaded, text))
            limiter.begin_reply(client.address, len(text) + params.length)
            written = 0
            try:
                sequence = await readers.run(
                    client.address,
                    partial(submit, loaded, text, params, client_id=client.id, group_id=client.group, clamps=clamps),
                )
                async with aclosing(follow(loaded, sequence, sparing=True)) as steps:
                    async for _ in steps:
                        reason = sequence.finish_reason  # read before the text: once it is set, the text is complete
                        written = sequence.length
                        yield sequence.text, {**about, "finish_reason": reason}
            finally:
                limiter.end_reply(client.address, params.length - written)
        if sequence.error:
            raise call_error(f"the model failed: {sequence.error}")

    description = (
        "Continues a text with a character LSTM, which knows nothing but the text it was trained on: it imitates that "
        "text and does not answer questions. Each message holds the text so far, without the prompt, and a JSON object "
        "with seed, model, commit and finish_reason (null while it writes; then length, stop, blocked when the next "
        f"word is a blocked one, abort, or time after {DEADLINE_S:.0f} s); with blend_with also blend_with, "
        "blend_commit and share. The same arguments and seed give the same text."
    )
    return endpoint(generate, name="generate", description=description, arguments=arguments, result=_Reply)


def _score(registry: ModelRegistry, limiter: Limiter) -> Callable[..., Any]:
    workers = Workers(limiter, at_once=1)

    async def score_text(request: gr.Request, text: str, model: object) -> dict[str, Any]:
        with refusals_as_errors():
            check_text("text", text)
            loaded = await find_model(registry, model)
            client = caller(request)
            limiter.check_cpu(client.address)
            slices = score_in_slices(loaded.lm.models[0], text, _SCORED)
            result = await workers.run_slices(client.address, slices)
            scored = await workers.run(client.address, _scored, result)
        return {**scored, "model": loaded.name, "commit": loaded.lm.commit}

    return endpoint(
        score_text,
        name="score",
        description="Measures how surprised a character LSTM is by a text: the bits of each character (null where the "
        "model does not know it), their total, bits per character (bpc), and the characters that it does not know "
        f"(the first {MAX_UNKNOWN} different ones).",
        arguments={
            "text": Argument(str, f"at most {MAX_PROMPT:,} characters"),
            "model": _model_argument(registry),
        },
        result=dict[str, Any],
    )


def _inspect(registry: ModelRegistry, limiter: Limiter) -> Callable[..., Any]:
    workers = Workers(limiter, at_once=1)

    async def inspect_cell(
        request: gr.Request, text: str, layer: object, cell: object, model: object
    ) -> dict[str, Any]:
        with refusals_as_errors():
            check_text("text", text, most=MAX_INSPECTED)
            loaded = await find_model(registry, model)
            config = loaded.lm.config
            place = check_index("layer", layer, config.num_layers), check_index("cell", cell, config.hidden_size)
            client = caller(request)
            limiter.check_cpu(client.address)
            trace = await workers.run_slices(client.address, _trace_cell(loaded, text, *place))
        return {**trace, "model": loaded.name, "commit": loaded.lm.commit}

    return endpoint(
        inspect_cell,
        name="inspect",
        description="Shows what one cell of a character LSTM does while the model reads a text: its value c after each "
        "character, its gates i, f, g and o, and the bits of the character (null for c and gates where the model does "
        "not know it). names lists the cells of the model that follow a named feature of the text, and how well.",
        arguments={
            "text": Argument(str, f"at most {MAX_INSPECTED:,} characters"),
            "layer": Argument(int, "the layer, from 0; default 0", 0),
            "cell": Argument(int, "the cell of that layer, from 0; default 0", 0),
            "model": _model_argument(registry),
        },
        result=dict[str, Any],
    )


async def _second_model(registry: ModelRegistry, first: LoadedModel, name: str) -> LoadedModel:
    """Returns the model that is blended with the first."""
    try:
        second = await find_model(registry, name)
    except RefusalError as refusal:
        raise RefusalError(refusal.id, field="blend_with" if refusal.field else "", **refusal.values) from None
    if second is first:
        raise RefusalError(
            "refusal.value", field="blend_with", value=shorten(name), allowed=Message("rule.other_model")
        )
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
