"""A valid body for each route of the app that is posted to."""

from typing import Any

HEX = "0123456789abcdef" * 2
MODEL = {"name": "random", "commit": ""}
PATH: dict[str, Any] = {"model": MODEL, "second": None, "text": "To be", "start": False, "clamps": []}
WRITE = {
    **PATH,
    "settings": {"length": 5, "seed": 1},
    "draw_offset": 0,
    "cells": [],
    "speed": None,
    "id": HEX,
    "received": "",
    "boundaries": [],
    "client": HEX,
}
TRACE: dict[str, Any] = {
    "trace": HEX,
    "server": "",
    "model": MODEL,
    "second": None,
    "share": None,
    "start": False,
    "clamps": [],
    "tail": {"at": 0, "text": "To be"},
    "length": 5,
}
CALL = {"data": ["To be", 5], "session_hash": "session"}
BODIES: dict[str, dict[str, Any]] = {
    "/write": WRITE,
    "/write/stop": {"id": HEX},
    "/write/check": {**PATH, "texts": ["To be"]},
    "/v1/completions": {"prompt": "To be", "max_tokens": 5, "seed": 1, "logprobs": 2, "n": 2},
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "To be"}], "max_tokens": 5},
    "/trace": {**TRACE, "from": 0},
    "/passages": {"model": MODEL, "cell": [0, 1]},
    "/gradio_api/call/generate": CALL,
    "/gradio_api/call/score": {**CALL, "data": ["To be"]},
    "/gradio_api/call/inspect": {**CALL, "data": ["To be", 0, 0]},
    "/gradio_api/queue/join": {**CALL, "fn_index": 0},
    "/gradio_api/cancel": {"session_hash": "session", "fn_index": 0, "event_id": HEX},
    "/gradio_api/reset": {"event_id": HEX},
}
