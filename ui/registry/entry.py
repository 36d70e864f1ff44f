"""A model that was asked for, and what became of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from model import CharLSTM

from ..messages import Message
from .loaded_model import LoadedModel


@dataclass(eq=False)
class Entry:
    """A model that was asked for: loading, loaded, or failed.

    Attributes:
        spec: a path, or a name on the Hub; "" for a model that was added from memory, and for a blend.
        name: its name on the page and in the API.
        loaded: the current model; None while it loads, and if it failed.
        failure: why it could not be loaded.
        update_problem: why its newest commit is not known or not here; None if it is, or if nothing is loaded.
        retry, wait_s: whether loading it may succeed later, and after how many seconds, as the Hub asked.
        draining: models that were replaced and still write their replies.
        preview: of a model that loads on its first use: the model without its weights.
        done: set once it is loaded or has failed; of a model that loads on its first use, once its preview is there.
    """

    spec: str
    name: str
    loaded: LoadedModel | None = None
    failure: Message | None = None
    update_problem: Message | None = None
    retry: bool = False
    wait_s: float = 0.0
    draining: list[LoadedModel] = field(default_factory=list)
    preview: CharLSTM | None = None
    done: threading.Event = field(default_factory=threading.Event)
