"""The common parts of the API's endpoints: arguments and their documentation, and errors.

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

from ..access.answers import REFUSALS
from ..messages import RefusalError

log = logging.getLogger("char-lstm")

REQUIRED = inspect.Parameter.empty


class Argument(NamedTuple):
    """An argument of an endpoint: its type, its description, and its default."""

    type: Any
    help: str
    default: Any = REQUIRED


def refuse_malformed(_request: Request, _error: Exception) -> JSONResponse:
    """Returns the answer to a body with wrong fields; FastAPI's own repeats the body and fails if it is not UTF-8."""
    detail = "a field of the request is missing or has a wrong type, or its Content-Type is not application/json"
    return JSONResponse({"detail": detail}, status_code=422)


def endpoint(
    function: Callable[..., Any], *, name: str, description: str, arguments: Mapping[str, Argument], result: Any
) -> Callable[..., Any]:
    """Returns a function with the signature and the docstring of an endpoint; if MCP is on, it is also a tool.

    Args:
        function: called with the request, of type gr.Request, and the values of the arguments in their order.
        name: of the endpoint and the tool.
        description: what the endpoint does, and what its result holds.
        arguments: by name, in the order in which HTTP clients send them.
        result: the type of what the function returns or yields.
    """
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter("request", kind, annotation=gr.Request),  # Gradio passes it; it is no argument of the API
        *(inspect.Parameter(key, kind, default=each.default, annotation=each.type) for key, each in arguments.items()),
    ]
    lines = [f"    {key}: {each.help}" for key, each in arguments.items()]
    function.__name__ = name
    function.__doc__ = "\n".join([description, "", "Args:", *lines])
    function.__annotations__ = {each.name: each.annotation for each in parameters}
    function.__signature__ = inspect.Signature(parameters, return_annotation=result)  # type: ignore[attr-defined]
    return function


@contextmanager
def refusals_as_errors() -> Iterator[None]:
    """Turns a refusal into a ``gr.Error``, whose text reaches the caller; any other exception into a general one."""
    try:
        yield
    except RefusalError as refusal:
        REFUSALS[refusal.id] += 1
        raise call_error(str(refusal)) from None
    except Exception:
        log.exception("a call failed")
        raise call_error("something went wrong here: try again later") from None


def caller(request: gr.Request) -> tuple[str, str]:
    """Returns the address of a call, and the client for the limit of replies."""
    # For a call without a session Gradio makes one up, and for MCP its own client does: neither identifies a visitor.
    chosen = request.url.path.endswith("/queue/join") and request.headers.get("x-gradio-user") != "mcp"
    address = request.client.host if request.client else ""
    return address, f"{address} {(chosen and request.session_hash) or 'api'}"


def call_error(message: str) -> gr.Error:
    """Returns an error that Gradio sends to the caller and does not log."""
    return gr.Error(message, print_exception=False)
