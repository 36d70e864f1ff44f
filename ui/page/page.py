"""The Gradio Blocks: one HTML component, which imports the modules of ``web/``, and the endpoints of the API.

The modules keep the conversation and send requests to the routes of ``ui/routes``; only the API uses Gradio's events.
"""

from __future__ import annotations

import gradio as gr
from starlette.routing import BaseRoute

from ..access.limits import Limiter
from ..registry.registry import ModelRegistry
from ..routes.api import add_api
from ..routes.endpoints import Blocks
from ..routes.health import Health
from ..routes.lenses.passages import Passages
from ..routes.lenses.trace import Traces
from ..routes.metrics import Metrics
from ..routes.samples import Samples
from ..routes.site import Site
from ..routes.stream import Streams
from ..routes.web_files import WebFiles
from ..routes.write import Writer

# The document has imported the module already (first_paint.py), unless another page embeds the app. Gradio sets "root"
# where a proxy serves the app below another path.
_START = """
const root = new URL(window.gradio_config?.root || ".", location.href).href.replace(/\\/$/, "");
const early = document.getElementById("early") && document.querySelector("script[src$='/app.js']");
import(early?.src || root + "%sapp.js").then((page) => page.start(element.querySelector(".page-root")));
"""


class Page:
    """The Blocks of the page for the models of a registry, and the routes that its modules request."""

    def __init__(self, registry: ModelRegistry) -> None:
        self.registry = registry
        self.site = Site(registry)
        self.limiter = Limiter(registry.site.limits)
        self.write = Writer(registry, self.limiter)
        self.stream = Streams(registry, self.write.replies)
        self.traces = Traces(registry, self.limiter)
        self.passages = Passages(registry, self.limiter)
        self.samples = Samples(registry, self.limiter)
        self.web = WebFiles()
        with Blocks(title=registry.site.title_in("en"), analytics_enabled=False) as self.blocks:
            script = _START % self.web.base()
            root = '<div class="page-root"></div>'
            gr.HTML("", html_template=root, js_on_load=script, elem_id="page", apply_default_css=False)
            add_api(registry, self.limiter)

    @property
    def routes(self) -> list[BaseRoute]:
        """The app's own routes, which FastAPI serves beside Gradio's."""
        lenses = [self.traces.route, self.passages.route, self.samples.route]
        pages = [self.site.route, *self.write.routes, *lenses, self.web.route]
        metrics = [Metrics(self.registry).route] if self.registry.site.metrics else []
        return [*pages, self.stream.route, *Health(self.registry).routes, *metrics]
