"""The page: its document, the routes that its modules request, and the endpoints of the API."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.routing import Route

from ..registry.registry import ModelRegistry
from ..routes.api import api_endpoints, refuse_malformed
from ..routes.lenses.trace import Traces
from ..routes.monitoring import health_routes, metrics_route
from ..routes.openai.endpoints import OpenAI
from ..routes.requests import Services
from ..routes.site import site_route
from ..routes.stored import passages_route, samples_route
from ..routes.web_files import WebFiles
from ..routes.write import Writer
from .document import Document, api_document_route


class Page:
    """The page for the models of a registry.

    Args:
        registry: the models that are served.

    Attributes:
        endpoints: the functions of the API by name, for ``gradio.Server.api``.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self.registry = registry
        services = Services(registry)
        self.limiter, self.workers = services.limiter, services.workers
        self.write = Writer(services)
        self.traces = Traces(services)
        self.web = WebFiles()
        self.document = Document(services, self.web)
        self.endpoints = api_endpoints(services)
        self.routes: list[Route] = [
            self.document.route,
            api_document_route(registry, self.endpoints),
            site_route(registry),
            *self.write.routes,
            *([self.traces.route, passages_route(services)] if registry.site.lenses else []),
            samples_route(services),
            self.web.route,
            *OpenAI(services, self.write.replies).routes,
            *health_routes(registry),
            *([metrics_route(registry)] if registry.site.metrics else []),
        ]

    def add_to(self, app: FastAPI) -> None:
        """Adds the routes to an app, before Gradio's, and an answer to malformed requests that does not repeat them."""
        app.router.routes.extend(self.routes)
        app.add_exception_handler(RequestValidationError, refuse_malformed)
