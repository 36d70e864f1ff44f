"""The text engine of a browser (web/engines/worker_engine.js) on a small page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.support.node_engine import request

PAGE = "engine.html"
_OPEN = """async (options) => {
  const { WorkerEngine } = await import("./engines/worker_engine.js");
  const home = new URL(".", document.baseURI).href;
  window.engine = new WorkerEngine({ home, hub: "https://huggingface.co", models: [], ...options });
}"""
_WRITE = """async (request) => {
  let text = "";
  const onText = (more) => (text += more);
  await window.engine.write(request, { onText }, new AbortController().signal);
  return text;
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


def write_all(page: Page, length: int, jobs: list[dict[str, Any]]) -> list[str]:
    """Return the texts that the worker of an open static page generates.

    Args:
        page: an open static page.
        length: characters of each reply.
        jobs: prompt and settings of each, as `SamplingParams` names them.
    """
    page.evaluate(_OPEN, {"hub": ""})
    model = page.evaluate("() => window.engine.site()")["models"][0]
    same: dict[str, Any] = {"model": {name: model[name] for name in ("name", "commit")}, "length": length}
    asked = [request(job.pop("prompt"), start=False, **same, **job) for job in map(dict, jobs)]
    return [page.evaluate(_WRITE, each) for each in asked]
