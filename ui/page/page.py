"""The page: its document, the routes that its modules request, and the endpoints of the API."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.routing import Route

from ..access.limits import Limiter
from ..access.workers import Workers
from ..registry.registry import ModelRegistry
from ..routes.api import api_endpoints
from ..routes.endpoints import refuse_malformed
from ..routes.health import Health
from ..routes.lenses.passages import Passages
from ..routes.lenses.trace import Traces
from ..routes.metrics import Metrics
from ..routes.openai.endpoints import OpenAI
from ..routes.samples import Samples
from ..routes.site import Site
from ..routes.web_files import WebFiles
from ..routes.write import Writer
from .api_document import ApiDocument
from .document import Document


class Page:
    """The page for the models of a registry.

    Args:
        registry: the models that are served.

    Attributes:
        endpoints: the functions of the API by name, for ``gradio.Server.api``.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self.registry = registry
        self.limiter = Limiter(registry.site.limits)
        self.preparing = Workers.preparing(self.limiter)
        self.write = Writer(registry, self.limiter, self.preparing)
        self.traces = Traces(registry, self.limiter, self.preparing)
        self.web = WebFiles()
        self.document = Document(registry, self.web, self.limiter)
        self.endpoints = api_endpoints(registry, self.limiter)

    @property
    def routes(self) -> list[Route]:
        """The app's own routes, which are served before Gradio's."""
        registry, limiter = self.registry, self.limiter
        openai = OpenAI(registry, self.write.replies, limiter, self.preparing)
        lenses = [self.traces.route, Passages(registry, self.preparing).route, Samples(registry, limiter).route]
        pages = [
            self.document.route,
            ApiDocument(registry, self.endpoints).route,
            Site(registry).route,
            *self.write.routes,
            *lenses,
            self.web.route,
        ]
        metrics = [Metrics(registry).route] if registry.site.metrics else []
        return [*pages, *openai.routes, *Health(registry).routes, *metrics]

    def add_to(self, app: FastAPI) -> None:
        """Adds the routes to an app, and an answer to malformed requests that does not repeat them."""
        app.router.routes.extend(self.routes)
        app.add_exception_handler(RequestValidationError, refuse_malformed)
