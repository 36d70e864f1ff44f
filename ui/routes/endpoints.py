"""What the endpoints of the API have in common: arguments and their documentation, checks and errors.

Gradio derives an endpoint from a function's signature and docstring. Here both are made from a table of arguments, so
that the generation settings are described in one place.
"""

# No ``from __future__ import annotations``: Gradio reads the types of an endpoint's results as they are.
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import gradio as gr
from fastapi import Request
from fastapi.responses import JSONResponse
from gradio.context import LocalContext
from gradio.events import api as add_endpoint
from gradio.utils import get_function_description

from model.settings import shorten

from ..messages import RefusalError
from .requests import count_refusal

log = logging.getLogger("char-lstm")

REQUIRED = inspect.Parameter.empty


class Argument(NamedTuple):
    """An argument of an endpoint: its type, what the documentation says, and its default."""

    type: Any
    help: str
    default: Any = REQUIRED


class Blocks(gr.Blocks):
    """Blocks whose endpoints name the argument that is missing or has a wrong type, which Gradio does not."""

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        """Called by Gradio before a function; the function is then called with the list."""
        arguments = inspect.signature(block_fn.fn).parameters
        names = list(arguments)
        for name in names[len(inputs) :]:
            if arguments[name].default is REQUIRED:
                raise call_error(f"{name} is missing: /{block_fn.api_name} needs it")
            inputs.append(arguments[name].default)
        for name, value in zip(names, inputs, strict=False):
            # Gradio takes any object for an uploaded file, and fails without a message.
            if name == "hold" and _is_table(value):
                continue
            if isinstance(value, dict | list):
                what = "a list of [layer, cell, value]" if name == "hold" else "a text or a number"
                raise call_error(f"{name} is {shorten(value)}: it must be {what}")
        super().validate_inputs(block_fn, inputs)

    def get_api_info(self, *args: Any, **kwargs: Any) -> Any:
        """Gradio's description of the endpoints, with each argument's own description from the docstring."""
        info = super().get_api_info(*args, **kwargs)
        for block_fn in self.fns.values():
            endpoint = info["named_endpoints"].get(f"/{block_fn.api_name}")
            if endpoint and block_fn.fn:
                _, arguments, _ = get_function_description(block_fn.fn)
                for each in endpoint["parameters"]:
                    each["python_type"]["description"] = arguments.get(each["parameter_name"], "")
        return info


def no_such_endpoint(_request: Request, _error: Exception) -> JSONResponse:
    """The answer to an unknown endpoint; Gradio itself answers with an internal error and logs a traceback."""
    return JSONResponse(
        {"detail": "there is no such endpoint: there are /generate, /score and /inspect"}, status_code=404
    )


def add(
    function: Callable[..., Any],
    *,
    name: str,
    description: str,
    arguments: Mapping[str, Argument],
    result: Any,
    concurrency_limit: int | None,
) -> None:
    """Adds an endpoint to the Blocks that are being built; where MCP is on, it is a tool too.

    Args:
        function: called with the values of the arguments, in their order.
        name: of the endpoint and the tool.
        description: what the endpoint does, and what its result holds.
        arguments: by name, in the order in which HTTP clients send them.
        result: the type of what the function returns or yields.
        concurrency_limit: how many calls may run at once; None is no limit.
    """
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter(name, kind, default=each.default, annotation=each.type) for name, each in arguments.items()
    ]
    lines = [f"    {name}: {each.help}" for name, each in arguments.items()]
    function.__name__ = name
    function.__doc__ = "\n".join([description, "", "Args:", *lines])
    function.__annotations__ = {name: each.type for name, each in arguments.items()}
    function.__signature__ = inspect.Signature(parameters, return_annotation=result)  # type: ignore[attr-defined]
    add_endpoint(function, api_name=name, concurrency_limit=concurrency_limit)


@contextmanager
def refusals_as_errors() -> Iterator[None]:
    """Turns a refusal into a ``gr.Error``, whose text reaches the caller; any other exception into a general one."""
    try:
        yield
    except RefusalError as refusal:
        count_refusal(refusal)
        raise call_error(str(refusal)) from None
    except Exception:
        log.exception("a call failed")
        raise call_error("something went wrong here: try again later") from None


def caller() -> str:
    """The session of the client that calls, for the limit of replies per client; "" counts every call by itself.

    An argument of type gr.Request would appear in the endpoint's description as one to be given. All calls over MCP
    share the session of Gradio's own client, whoever makes them, so they are counted by themselves.
    """
    request = LocalContext.request.get(None)
    if request is None or request.headers.get("x-gradio-user") == "mcp":
        return ""
    return str(request.session_hash or "")


def call_error(message: str) -> gr.Error:
    """An error that Gradio sends to the caller and does not log."""
    return gr.Error(message, print_exception=False)


def _is_table(value: object) -> bool:
    """Whether the value is a list of plain values, or of lists of them."""
    rows = value if isinstance(value, list) else [value]
    values = [each for row in rows for each in (row if isinstance(row, list) else [row])]
    return isinstance(value, list) and not any(isinstance(each, dict | list) for each in values)
