"""Generate replies with a static page's own worker, in the browser that has the page open."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from playwright.sync_api import Page

from model import SamplingParams

LOAD = """
  const { load, locate } = await import("./checkpoint.js");
  const model = await load(await locate("", ""), () => {});
"""
_WRITE = """(jobs) => new Promise((resolve, reject) => {
  const worker = new Worker("worker.js", { type: "module" });
  const texts = jobs.map(() => "");
  let [way, left] = ["", jobs.length];
  worker.onerror = (event) => reject(event.message);
  worker.onmessage = ({ data }) => {
    if (data.loaded) way = data.loaded.way;
    else if (data.failed) reject(data.failed);
    else if (data.text) texts[data.reply - 1] += data.text;
    else if (data.ended && !--left) resolve([way, texts]);
  };
  jobs.forEach((job, n) => worker.postMessage({ write: n + 1, first: 0, pace: 0, memory: null, ...job }));
})"""


def write_all(page: Page, length: int, jobs: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """Return how the page computes its matrix products, and the texts that its worker generates.

    Args:
        page: an open static page.
        length: characters of each reply.
        jobs: prompt, settings of each, as `SamplingParams` names them, and the cells held; what is not said is its
            default.
    """
    asked = []
    for job in jobs:
        clamps = job.get("clamps", [])
        plain = {name: value for name, value in job.items() if name not in ("prompt", "clamps")}
        settings = asdict(SamplingParams(length=length, **plain))
        asked.append({"prompt": job["prompt"], "settings": {**settings, "hold": clamps}})
    way, texts = page.evaluate(_WRITE, asked)
    return way, texts
