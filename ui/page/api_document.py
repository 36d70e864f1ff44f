"""The document at /api: how a program calls the app, with the arguments of each endpoint."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from starlette.routing import Route

from ..access.addresses import address_of_app
from ..access.answers import HEADERS
from ..registry.registry import ModelRegistry
from ..routes.requests import route

_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}: API</title>
<style>
body {{ max-width: 52rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif; }}
pre {{ padding: 0.8rem; overflow-x: auto; white-space: pre-wrap; font-size: 0.85rem; border: 1px solid #8886; }}
</style>
</head>
<body>
<p><a href="./">{title}</a></p>
<h1>Call this app from a program</h1>
<p>Models: {names}. A token is a character.</p>
<h2>With a client for OpenAI's protocol</h2>
<pre>from openai import OpenAI

client = OpenAI(base_url="{address}v1", api_key="none")
answer = client.completions.create(model="{model}", prompt="ROMEO:", max_tokens=200, seed=1)
print(answer.choices[0].text)</pre>
<h2>With gradio_client</h2>
<pre>from gradio_client import Client

app = Client("{address}")
text, about = app.predict("ROMEO:", api_name="/generate")</pre>
<h2>With curl</h2>
<pre>curl {address}v1/completions -H 'content-type: application/json' \\
  -d '{{"prompt": "ROMEO:", "max_tokens": 200, "stream": true}}'</pre>
{endpoints}
</body>
</html>
"""


def api_document_route(registry: ModelRegistry, endpoints: Mapping[str, Callable[..., Any]]) -> Route:
    """Returns the route.

    Args:
        registry: the models that are served.
        endpoints: the functions of the API by name, whose docstrings are shown.
    """
    documents = [
        f"<h2>/{name}</h2>\n<pre>{html.escape(function.__doc__ or '')}</pre>" for name, function in endpoints.items()
    ]

    async def respond(request: Request) -> HTMLResponse:
        document = _DOCUMENT.format(
            title=html.escape(registry.site.title_in("en")),
            names=html.escape(", ".join(registry.names)),
            model=html.escape(registry.names[0]),
            address=html.escape(address_of_app(request)),
            endpoints="\n".join(documents),
        )
        policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        return HTMLResponse(document, headers={**HEADERS, "content-security-policy": policy})

    return route("/api", respond, "GET")
