"""A configured model and its state: loading, loaded, or failed."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from ..messages import Message
from .loaded_model import LoadedModel, Preview


@dataclass(eq=False)
class Entry:
    """A configured model: loading, loaded, or failed.

    Attributes:
        spec: a path, or a name on the Hub; "" for a model that was added from memory.
        name: its name on the page and in the API.
        loaded: the model that is served; None while it loads, and if it failed.
        failure: why it could not be loaded; None if it did not fail.
        update_problem: why its newest commit is not known or not loaded; None if it is, or if no commit is loaded.
        retry: whether loading it again may succeed.
        wait_s: seconds until then, as the Hub asked; 0 if it did not.
        preview: the model without its weights, if it is loaded on first use; otherwise None.
        done: set once the model is loaded or has failed, or its preview is read.
    """

    spec: str
    name: str
    loaded: LoadedModel | None = None
    failure: Message | None = None
    update_problem: Message | None = None
    retry: bool = False
    wait_s: float = 0.0
    preview: Preview | None = None
    done: threading.Event = field(default_factory=threading.Event)
