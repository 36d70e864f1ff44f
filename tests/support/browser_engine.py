"""Open the text engine of a browser (web/engines/worker_engine.js) on a small page, and call its methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from model import SamplingParams
from model.clamps import Clamps

PAGE = "engine.html"
_OPEN = """async (options) => {
  const { WorkerEngine } = await import("./engines/worker_engine.js");
  window.parts = [];
  const home = new URL(".", document.baseURI).href;
  window.engine = new WorkerEngine({ home, hub: "https://huggingface.co", models: [], ...options });
  window.engine.onProgress = (part) => window.parts.push(part);
  window.write = async (request, stopAt = Infinity) => {
    const [statuses, stop, began] = [[], new AbortController(), performance.now()];
    let [text, first] = ["", 0];
    const onText = (more) => {
      text += more;
      first ||= performance.now() - began;
      if (text.length >= stopAt) stop.abort();
    };
    const onStatus = (status) => statuses.push(status);
    try {
      const ending = await window.engine.write(request, { onText, onStatus }, stop.signal);
      return { text, statuses, first, ...ending };
    } catch (error) {
      return { refusal: error.reason };
    }
  };
}"""


def write_engine_page(folder: Path) -> None:
    """Write a page without content, under the security policy of the static page, into a folder of that page."""
    start = (folder / "index.html").read_text(encoding="utf-8")
    policy = next(line for line in start.splitlines() if "Content-Security-Policy" in line)
    icon = '<link rel="icon" href="data:,">'
    (folder / PAGE).write_text(f"<!doctype html><title>engine</title>{policy}{icon}", encoding="utf-8")


def open_engine(page: Page, url: str, **options: object) -> None:
    """Start the engine; ``options`` are those of ``WorkerEngine``."""
    page.set_default_timeout(60_000)
    page.goto(url + PAGE)
    page.evaluate(_OPEN, options)


def site(page: Page) -> dict[str, Any]:
    """Return how the engine describes its models."""
    answer: dict[str, Any] = page.evaluate("() => window.engine.site()")
    return answer


def request(
    text: str,
    *,
    start: bool = False,
    clamps: Sequence[tuple[int, Clamps]] = (),
    cells: Sequence[Sequence[float]] = (),
    model: Mapping[str, str] | None = None,
    second: Mapping[str, str] | None = None,
    draw_offset: int = 0,
    speed: float | None = None,
    received: str = "",
    **settings: Any,
) -> dict[str, Any]:
    """Return a write request; ``settings`` are those of ``SamplingParams``."""
    return {
        "model": model or {"name": "", "commit": ""},
        "second": second,
        "text": text,
        "start": start,
        "clamps": [[position, [list(clamp) for clamp in held]] for position, held in clamps],
        "settings": asdict(SamplingParams(**settings)),
        "draw_offset": draw_offset,
        "cells": [list(cell) for cell in cells],
        "speed": speed,
        "id": "a",
        "received": received,
        "boundaries": [],
        "client": "a",
    }


def write(page: Page, asked: dict[str, Any], stop_at: int | None = None) -> dict[str, Any]:
    """Write a reply; ``stop_at`` aborts it once the text has this length."""
    answer: dict[str, Any] = page.evaluate(
        "({ asked, stop }) => window.write(asked, stop ?? Infinity)", {"asked": asked, "stop": stop_at}
    )
    return answer


def write_all(page: Page, length: int, jobs: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """Return how an open static page computes its matrix products, and the texts that its worker generates.

    Args:
        page: an open static page.
        length: characters of each reply.
        jobs: prompt and settings of each, as `SamplingParams` names them.
    """
    page.evaluate(_OPEN, {"hub": ""})
    model = site(page)["models"][0]
    way = next(each["values"]["way"] for each in model["about"] if each["id"] == "static.browser")
    same: dict[str, Any] = {"model": {name: model[name] for name in ("name", "commit")}, "length": length}
    asked = [request(job.pop("prompt"), start=False, **same, **job) for job in map(dict, jobs)]
    return way, [write(page, each)["text"] for each in asked]


def trace(page: Page, query: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a query of a lens; ``columns`` as a list."""
    answer: dict[str, Any] = page.evaluate(
        """async (query) => {
          const answer = await window.engine.trace(query);
          return answer.columns ? { ...answer, columns: Array.from(answer.columns) } : answer;
        }""",
        query,
    )
    return answer
