"""Generate replies with the text engine of an open static page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from playwright.sync_api import Page

from model import SamplingParams

_WRITE = """async (jobs) => {
  const { WorkerEngine } = await import("./engines/worker_engine.js");
  const engine = new WorkerEngine({ home: new URL(".", document.baseURI).href, hub: "", models: [] });
  const [model] = (await engine.site()).models;
  const { way } = model.about.find(({ id }) => id === "static.browser").values;
  const same = { model: { name: model.name, commit: model.commit }, second: null, clamps: [], boundaries: [] };
  const signal = new AbortController().signal;
  const texts = [];
  for (const { prompt, settings, cells } of jobs) {
    let text = "";
    const start = ![...prompt].some((character) => model.vocab.includes(character));
    const rest = { draw_offset: 0, speed: null, id: "a", client: "a", received: "" };
    const request = { ...same, ...rest, text: prompt, start, settings, cells };
    await engine.write(request, { onText: (more) => (text += more) }, signal);
    texts.push(text);
  }
  return [way, texts];
}"""


def write_all(page: Page, length: int, jobs: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """Return how the page computes its matrix products, and the texts that its worker generates.

    Args:
        page: an open static page.
        length: characters of each reply.
        jobs: prompt, settings of each, as `SamplingParams` names them, and the clamped cells; an omitted setting has
            its default.
    """
    asked = []
    for job in jobs:
        plain = {name: value for name, value in job.items() if name not in ("prompt", "clamps")}
        settings = asdict(SamplingParams(length=length, **plain))
        asked.append({"prompt": job["prompt"], "settings": settings, "cells": job.get("clamps", [])})
    way, texts = page.evaluate(_WRITE, asked)
    return way, texts
