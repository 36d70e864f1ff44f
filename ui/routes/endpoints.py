"""The common parts of the API's endpoints: arguments and their documentation, checks and errors.

Gradio derives an endpoint from a function's signature and docstring. Here both are made from a table of arguments, so
that the generation settings are described in one place.
"""

# No ``from __future__ import annotations``: Gradio reads the types of an endpoint's results as they are.
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr
from fastapi import Request
from fastapi.responses import JSONResponse
from gradio.context import LocalContext
from gradio.events import api as add_endpoint
from gradio.utils import get_function_description
from starlette.requests import ClientDisconnect

from model.settings import shorten

from ..access.clients import group_of
from ..messages import RefusalError
from .requests import count_refusal

log = logging.getLogger("char-lstm")

REQUIRED = inspect.Parameter.empty


class Argument(NamedTuple):
    """An argument of an endpoint: its type, its description, and its default."""

    type: Any
    help: str
    default: Any = REQUIRED


class Blocks(gr.Blocks):
    """Blocks whose errors name the argument that is missing or has a wrong type, which Gradio's do not."""

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        """Checks the arguments of a call and appends missing defaults; Gradio then calls the function with the list."""
        arguments = inspect.signature(block_fn.fn).parameters
        names = list(arguments)
        for name in names[len(inputs) :]:
            if arguments[name].default is REQUIRED:
                raise call_error(f"{name} is missing: /{block_fn.api_name} needs it")
            inputs.append(arguments[name].default)
        for name, value in zip(names, inputs, strict=False):
            # Gradio treats any object as an uploaded file, and fails without a message.
            if name == "hold" and _is_table(value):
                continue
            if isinstance(value, dict | list):
                what = "a list of [layer, cell, value]" if name == "hold" else "a text or a number"
                raise call_error(f"{name} is {shorten(value)}: it must be {what}")
        super().validate_inputs(block_fn, inputs)

    def get_api_info(self, *args: Any, **kwargs: Any) -> Any:
        """Returns Gradio's description of the endpoints, with each argument's own description from the docstring."""
        info = super().get_api_info(*args, **kwargs)
        for block_fn in self.fns.values():
            endpoint = info["named_endpoints"].get(f"/{block_fn.api_name}")
            if endpoint and block_fn.fn:
                _, arguments, _ = get_function_description(block_fn.fn)
                for each in endpoint["parameters"]:
                    each["python_type"]["description"] = arguments.get(each["parameter_name"], "")
        return info


def refuse_malformed(_request: Request, _error: Exception) -> JSONResponse:
    """Returns the answer to a body with wrong fields; FastAPI's own repeats the body and fails if it is not UTF-8."""
    detail = "a field of the request is missing or has a wrong type, or its Content-Type is not application/json"
    return JSONResponse({"detail": detail}, status_code=422)


def add(
    function: Callable[..., Any],
    *,
    name: str,
    description: str,
    arguments: Mapping[str, Argument],
    result: Any,
    concurrency_limit: int | None,
) -> None:
    """Adds an endpoint to the Blocks that are being built; if MCP is on, it is also a tool.

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
    except ClientDisconnect:
        raise call_error("the client has left") from None
    except Exception:
        log.exception("a call failed")
        raise call_error("something went wrong here: try again later") from None


@dataclass(frozen=True)
class Caller:
    """The client of the call that is being answered.

    Attributes:
        address: where the call comes from.
        session: the session id that the client has chosen; "" without one, and for calls over MCP.
        event: Gradio's record of the call; None outside of the queue.
    """

    address: str
    session: str
    event: Any

    @property
    def id(self) -> str:
        """The client for the limit of replies; calls without a session count as one client for each address."""
        return f"{self.address} {self.session or 'api'}"

    @property
    def group(self) -> str:
        """The client for the limits of one address."""
        return group_of(self.address)

    def has_left(self) -> bool:
        """Returns whether the client no longer waits for the result."""
        return self.event is not None and not self.event.alive


def caller() -> Caller:
    """Returns the client of the current call. An argument of type gr.Request would appear in the API's description."""
    request, blocks = LocalContext.request.get(None), LocalContext.blocks.get(None)
    event = blocks._queue.event_ids_to_events.get(LocalContext.event_id.get(None) or "") if blocks else None
    if request is None:
        return Caller("", "", event)
    session = str(request.session_hash or "")
    # For a call without a session Gradio makes one up, and for MCP its own client does: neither identifies a visitor.
    if request.headers.get("x-gradio-user") == "mcp" or (event and session == event._id):
        session = ""
    return Caller(request.client.host if request.client else "", session, event)


def call_error(message: str) -> gr.Error:
    """Returns an error that Gradio sends to the caller and does not log."""
    return gr.Error(message, print_exception=False)


def _is_table(value: object) -> bool:
    """Returns whether the value is a list of plain values, or of lists of them."""
    rows = value if isinstance(value, list) else [value]
    values = [each for row in rows for each in (row if isinstance(row, list) else [row])]
    return isinstance(value, list) and not any(isinstance(each, dict | list) for each in values)
