"""A route that describes the site and its models to a page; open pages also poll it.

    GET /site                the site: {"version": "…", "again_s": 30, "title": "…", "welcome": "…",
                             "notices": [MESSAGE], "models": [MODEL], "address": "https://…"}
    GET /site?since=VERSION  the same; only "version" and "again_s" while the version is still this one

``again_s`` is the number of seconds until the next poll; null if nothing can change. "welcome" is the owner's text
below the title, "" for the page's own. "address" is the public address of the site, "" if it is not known.

MODEL has name, commit ("" for a folder), failure (MESSAGE or null), loading, about (MESSAGES), welcome (a text by the
model with the default settings), welcome_seed (its seed), examples, chat ({"prefix", "suffix", "stop"} or null),
layers, hidden, vocab, cells (its named cells), samples (whether samples of its training are stored), exact (whether it
writes the same text on every machine) and version (of the int8 inference, or "float32").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import torch
from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.routing import Route

from model import Cell, CharLSTM, LanguageModel
from model.engine.language_model import default_precision
from model.int8.weights import VERSION
from model.settings import Precision

from ..access.answers import HEADERS
from ..access.public_address import address_of_space
from ..messages import Message
from ..registry.entry import Entry
from ..registry.loaded_model import LoadedModel, facts_of
from ..registry.registry import ModelRegistry
from ..registry.welcome import example_prompts, stored_welcome_text_of

PATH = "/site"
AGAIN_S = 30.0  # between two polls of an open page
_LOADING_S = 1.0  # between two polls while a model still loads

Content = Mapping[str, object]


class Site:
    """Describes the site and its models.

    Args:
        registry: the models that are served.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self.route = Route(PATH, self.respond, methods=["GET"])

    @property
    def version(self) -> str:
        """A text that changes whenever a model is loaded, updated or refused, and when the app restarts."""
        registry = self._registry
        return f"{registry.version}.{len(registry.loading)}{'' if registry.settled else '+'}"

    async def respond(self, request: Request) -> JSONResponse:
        """Answers one request."""
        version = self.version
        content: dict[str, object] = {"version": version, "again_s": self._again_s()}
        if request.query_params.get("since") != version:
            content |= self._describe()
        return JSONResponse(content, headers=HEADERS)

    def _again_s(self) -> float | None:
        if not self._registry.settled or self._registry.loading:
            return _LOADING_S
        return AGAIN_S if self._registry.may_change else None

    def _describe(self) -> Content:
        loading = self._registry.loading
        notices = self._registry.notices + ([Message("model.loading", names=loading)] if loading else [])
        return {
            "title": self._registry.site.title,
            "welcome": self._registry.site.intro,
            "notices": [notice.as_json() for notice in notices],
            "models": [_entry(each, self._registry) for each in self._registry.entries],
            "address": address_of_space(),
        }


def describe_model(loaded: LoadedModel) -> Content:
    """Returns the MODEL of a loaded model."""
    about = [*loaded.about, *([loaded.refused_commit] if loaded.refused_commit else [])]
    return _description(
        loaded.name,
        loaded.lm,
        about,
        loaded.engine.precision,
        welcome=(loaded.welcome_text, loaded.welcome_seed),
        examples=loaded.examples,
    )


def _preview(name: str, lm: CharLSTM, registry: ModelRegistry) -> Content:
    """Returns the MODEL of a model that is loaded on first use."""
    blocked, device = registry.site.blocked, torch.device(registry.device)
    welcome, examples = stored_welcome_text_of(lm, blocked), example_prompts(lm, blocked)
    precision = registry.precision or default_precision(lm)
    return _description(name, lm, facts_of(lm, device), precision, welcome=welcome, examples=examples)


def _description(
    name: str,
    lm: LanguageModel,
    about: Sequence[Message],
    precision: Precision,
    *,
    welcome: tuple[str, int],
    examples: Sequence[str],
) -> Content:
    return {
        "name": name,
        "commit": lm.commit or "",
        "failure": None,
        "loading": False,
        "about": [fact.as_json() for fact in about],
        "welcome": welcome[0],
        "welcome_seed": welcome[1],
        "examples": list(examples),
        "chat": asdict(lm.chat) if lm.chat else None,
        "layers": lm.config.num_layers,
        "hidden": lm.config.hidden_size,
        "vocab": list(lm.tokenizer.vocab),
        "cells": [_cell(each) for each in lm.cells],
        "samples": bool(lm.models[0].samples),
        "exact": precision == "int8",
        "version": str(VERSION) if precision == "int8" else "float32",
    }


def _cell(cell: Cell) -> Content:
    return {**cell.facts(), "remembers": cell.remembers, "passages": bool(cell.high or cell.low)}


def _entry(entry: Entry, registry: ModelRegistry) -> Content:
    if entry.loaded and not entry.failure:
        return describe_model(entry.loaded)
    if entry.preview and not entry.failure:
        return _preview(entry.name, entry.preview, registry)
    failure: Message | None = entry.failure
    if failure is None and registry.settled:  # a page chooses another model until this one is loaded
        failure = Message("model.loading", names=[entry.name])
    return {
        "name": entry.name,
        "commit": "",
        "failure": failure.as_json() if failure else None,
        "loading": not entry.done.is_set(),
        "about": [],
        "welcome": "",
        "welcome_seed": 0,
        "examples": [],
        "chat": None,
        "layers": 0,
        "hidden": 0,
        "vocab": [],
        "cells": [],
        "samples": False,
        "exact": False,
        "version": "",
    }
