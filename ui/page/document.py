"""The document of the page: ``web/index.html`` in the visitor's language, with a welcome text; and that of the API.

The body is that of the static page. The head is made here: the tags of link previews, and tags with which a browser
requests the modules before they are imported. So the page shows and works before its modules have arrived.

Chats and search engines show the description in the preview of a link. The page reads the whole link of a share
(web/conversation/links.js). The description is the prompt of its first reply, continued if nothing but the model and
the generation settings determines the text: no blend, no clamped cell, no character that the sender chose.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote

from fastapi import Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route

from model.files import web_modules
from model.settings import SETTINGS

from ..access.addresses import address_of_app
from ..access.answers import HEADERS
from ..conversation import ReadText
from ..messages import LANGUAGES, best_language, filled
from ..registry.registry import ModelRegistry
from ..routes.requests import WriteRequest, address_of, route
from ..routes.web_files import WebFiles
from ..routes.write import RunningReplies, check_words
from ..settings import MAX_LINK, check_params, check_text

log = logging.getLogger("char-lstm")

MAX_DESCRIPTION = 200  # characters; chats show fewer
WITHIN_S = 0.3  # for which a document waits for the text
MAX_PROMPT = 1_000  # characters
MAX_FIELDS = 1_000
_COMMIT = re.compile("@[0-9a-f]{40}$")
_CHANGES = ("blend_with", "hold", "pick")  # fields with which the text is not that of the model alone
_MAIN = re.compile(r'<main id="page">.*</main>', re.DOTALL)
_TEXT = re.compile(r'(data-text="([\w.]+)"[^>]*>)[^<]*')
_NAME = re.compile(r'(data-(?:label|placeholder)="([\w.]+)" [\w-]+=)"[^"]*"')
_INTRO = re.compile(r'(<header id="intro">).*?(</header>)', re.DOTALL)
_WELCOME_TEXT = re.compile(r'(<p class="lead[^>]*) hidden(>.*?<span class="reply"[^>]*>)', re.DOTALL)
_SAFE = "%&=+~,;:@/?!$'()*"  # characters of a query that need no escape
_FRAMED_BY = ("'self'", "https://huggingface.co", "https://*.hf.space")  # the page of a Space holds it in a frame

_API = """{title}: {address}
Models: {names}. A token is a character.

With a client for OpenAI's protocol:

    from openai import OpenAI

    client = OpenAI(base_url="{address}v1", api_key="none")
    answer = client.completions.create(model="{model}", prompt="ROMEO:", max_tokens=200, seed=1)
    print(answer.choices[0].text)

With gradio_client:

    from gradio_client import Client

    app = Client("{address}")
    text, about = app.predict("ROMEO:", api_name="/generate")

With curl:

    curl {address}v1/completions -H 'content-type: application/json' \\
      -d '{{"prompt": "ROMEO:", "max_tokens": 200, "stream": true}}'

"""


class Document:
    """Answers requests for the page.

    Args:
        replies: the replies that are being written.
        web: the files of ``web/``.
    """

    def __init__(self, replies: RunningReplies, web: WebFiles) -> None:
        self._replies, self._registry = replies, replies.services.registry
        self._web = web.base().removeprefix("/")  # relative to the document, which a proxy may serve below another path
        markup = _MAIN.search(web.text("index.html"))
        assert markup, "the document of the static page has a main element"  # noqa: S101
        self._markup = markup[0]
        self._script = web.text("document/first_paint.js")
        names = [*web_modules(web.folder, "app.js"), "settings.json"]
        self._preloads = "".join(map(self._preload, names))
        self._headers = {
            "cache-control": "no-store",
            "vary": "accept-language",
            "content-security-policy": _policy(self._script, self._registry.site.allowed_origins),
            "referrer-policy": "no-referrer",  # a link may be as long as all headers together may be
            "x-content-type-options": "nosniff",
        }
        self.route = Route("/", self.respond, methods=["GET", "HEAD"])

    async def respond(self, request: Request) -> HTMLResponse:
        """Answers one request."""
        language = best_language(request.headers.get("accept-language", ""))
        return HTMLResponse(self._document(language, await self._tags(request, language)), headers=self._headers)

    def _document(self, language: str, preview: str) -> str:
        """Returns the document.

        Args:
            language: a key of ``LANGUAGES``.
            preview: the tags for link previews.
        """
        texts = LANGUAGES[language]
        return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(self._registry.site.title_in(language))}</title>
{preview}
<link rel="icon" type="image/png" href="{self._web}favicon.png">
<link rel="stylesheet" href="{self._web}document/style.css">
{self._preloads}{self._preload(f"languages/{language}.json")}
<script type="module" async src="{self._web}app.js"></script>
</head>
<body class="app">
{self._page(language)}
<footer>{html.escape(texts["site.privacy"])} <a href="api">{html.escape(texts["site.api"])}</a></footer>
<script>{self._script}</script>
</body>
</html>
"""

    def _page(self, language: str) -> str:
        """Returns the page's markup with the texts of a language, the site's title, and its model's welcome text."""
        site, first, texts = self._registry.site, self._registry.first(), LANGUAGES[language]
        title, intro = html.escape(site.title_in(language)), html.escape(self._intro(language))
        markup = _INTRO.sub(lambda found: f"{found[1]}<h1>{title}</h1><p>{intro}</p>{found[2]}", self._markup)
        markup = _TEXT.sub(lambda found: found[1] + html.escape(texts[found[2]]), markup)
        markup = _NAME.sub(lambda found: f'{found[1]}"{html.escape(texts[found[2]])}"', markup)
        if first and first.welcome_text:
            welcome_text = html.escape(first.welcome_text)
            markup = _WELCOME_TEXT.sub(lambda found: f"{found[1]}{found[2]}{welcome_text}", markup)
        return markup

    def _intro(self, language: str) -> str:
        """Returns the line under the title: the owner's, otherwise the page's own with the text of the first model."""
        site, first, texts = self._registry.site, self._registry.first(), LANGUAGES[language]
        corpus = next((fact.values["corpus"] for fact in first.about if fact.id == "model.corpus"), "") if first else ""
        own = filled(texts["site.greeting_of"], corpus=corpus) if corpus else texts["site.greeting"]
        return site.intro or own

    def _preload(self, name: str) -> str:
        """Returns the tag with which a browser requests a file before a module needs it."""
        if name.endswith(".js"):
            return f'<link rel="modulepreload" href="{self._web}{name}">'
        return f'<link rel="preload" as="fetch" crossorigin href="{self._web}{name}">'

    async def _tags(self, request: Request, language: str) -> str:
        """Returns the tags for link previews: of a share link if the address is one, otherwise of the site."""
        site, first, texts = self._registry.site, self._registry.first(), LANGUAGES[language]
        title, address = site.title_in(language), address_of_app(request)
        query = request.scope["query_string"].decode("latin-1")
        try:
            text = await shared_text(self._replies, query, address_of(request))
        except Exception:
            log.exception("the preview of a link could not be written")
            text = None
        if text is None:
            shown, url = title, address
            description = shortened(" ".join([self._intro(language), first.welcome_text if first else ""]))
        else:
            shown, url = filled(texts["preview.shared"], title=title), f"{address}?{quote(query, safe=_SAFE)}"
            description = shortened(text) or texts["site.greeting"]
        properties = {
            "og:type": "website",
            "og:site_name": title,
            "og:title": shown,
            "og:description": description,
            "og:url": url,
            "og:image": f"{address}{self._web}preview.png",
            "og:image:type": "image/png",
            "og:image:width": "1200",  # the size that chat apps show large
            "og:image:height": "630",
            "og:image:alt": description,
        }
        lines = [f'<meta name="description" content="{html.escape(description)}">']
        lines += [f'<meta property="{name}" content="{html.escape(value)}">' for name, value in properties.items()]
        return "\n".join([*lines, '<meta name="twitter:card" content="summary_large_image">'])


async def shared_text(replies: RunningReplies, query: str, address: str) -> str | None:
    """Returns the prompt of a link and the beginning of its text; None if the query is no link that can be shown.

    Args:
        replies: the replies that are being written.
        query: the query of the document's address.
        address: of the client.
    """
    try:
        fields = _fields(query)
        return await _written(replies, fields, address) if fields.get("seed") else None
    except ValueError:  # among them a RefusalError: a blocked word, or too many requests
        return None


async def _written(replies: RunningReplies, fields: dict[str, str], address: str) -> str:
    prompt = check_text("prompt", fields.get("prompt", ""), MAX_PROMPT)
    numbers = {name: float(fields[name]) for name in SETTINGS if name != "stop" and fields.get(name)}
    params = check_params(numbers)
    services = replies.services
    loaded, workers = services.registry.get(_COMMIT.sub("", fields.get("model", "")) or None), services.workers
    text = loaded.lm.chat.wrap(prompt) if loaded.lm.chat else prompt
    await workers.run_slices(address, check_words(loaded, text))
    if any(fields.get(name) for name in _CHANGES):
        return prompt
    stop = loaded.lm.chat.stop if loaded.lm.chat else ""
    params = replace(params, length=min(MAX_DESCRIPTION, params.length), share=None, stop=stop)

    request = WriteRequest(client="preview", served=loaded, params=params)

    async def reply() -> str:
        running = await replies.start(request, ReadText(loaded, text), address)
        try:
            return "".join([piece async for piece in running.pieces()])
        finally:
            replies.end(running)

    async with workers.work(address):
        try:
            return prompt + await asyncio.wait_for(reply(), WITHIN_S)
        except asyncio.TimeoutError:  # in Python 3.10 it is not TimeoutError
            return prompt


def _fields(query: str) -> dict[str, str]:
    """Returns the fields of the first reply of a link.

    Raises:
        ValueError: the link is too long, or not text in UTF-8.
    """
    if len(query) > MAX_LINK:
        raise ValueError("the link is too long")
    query = query.replace("&amp;", "&")  # a message may write a link as HTML does; the & of a value is written %26
    fields: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS):
        if name in ("then", "more"):
            break
        fields.setdefault(name, value)  # like the page, which uses the first of two equal names
    return fields


def shortened(text: str) -> str:
    """Returns a text in one line, cut after a word."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    if len(line) <= MAX_DESCRIPTION:
        return line
    return line[:MAX_DESCRIPTION].rsplit(" ", 1)[0] + " …"


def _policy(script: str, origins: Collection[str]) -> str:
    """Returns the Content-Security-Policy of the document: everything comes from the app itself.

    Args:
        script: the one script in the document.
        origins: other origins that may hold the page in a frame.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    frames = " ".join([*_FRAMED_BY, *sorted(origins)])
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self'; img-src 'self' data: blob:; "
        f"connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {frames}"
    )


def api_document_route(registry: ModelRegistry, endpoints: Mapping[str, Callable[..., Any]]) -> Route:
    """Returns the route of the text at /api: how a program calls the app, with the arguments of each endpoint.

    Args:
        registry: the models that are served.
        endpoints: the functions of the API by name, whose docstrings are shown.
    """
    documents = "\n\n".join(f"/{name}\n\n{function.__doc__}" for name, function in endpoints.items())

    async def respond(request: Request) -> PlainTextResponse:
        title, names, address = registry.site.title_in("en"), registry.names, address_of_app(request)
        head = _API.format(title=title, names=", ".join(names), model=names[0], address=address)
        return PlainTextResponse(head + documents, headers=HEADERS)

    return route("/api", respond, "GET")
