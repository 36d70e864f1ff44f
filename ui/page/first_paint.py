"""The first paint: the document contains the page with a welcome text, so that both work before Gradio's scripts run.

`FirstPaint` is ASGI middleware that changes the document at ``/`` only. It inserts the markup of ``web/index.html``, in
the visitor's language, before Gradio's own element; ``web/app.js`` makes it work, and moves it into Gradio's component
once that exists. It also adds the tags of link previews, and limits the language to those that the page has.
"""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..access.limits import Limiter
from ..access.public_address import address_of_app
from ..messages import LANGUAGES, RefusalError, best_language, filled
from ..preview.beginning import Beginnings
from ..preview.link import first_reply
from ..preview.tags import shortened, tags, without_tags
from ..registry.registry import ModelRegistry
from ..routes.web_files import WebFiles

# Gradio's container has the same margins; its CSS variables are not defined yet.
_STYLE = """
#early { box-sizing: border-box; position: absolute; z-index: 1; left: 0; right: 0; min-height: 100%; max-width: 1280px;
  margin: 0 auto; padding: 16px 32px; background: var(--bg); }
@media (max-width: 768px) { #early { padding: 16px 13px; } }
.dark #early { background: var(--bg-dark); }
#early ~ gradio-app { opacity: 0; } /* hides "Loading…"; in a hidden element the page would lose the focus */
"""

_MAIN = re.compile(r'<main id="page">(.*)</main>', re.DOTALL)
_TEXT = re.compile(r'(data-text="([\w.]+)"[^>]*>)[^<]*')
_NAME = re.compile(r'(data-(?:label|placeholder)="([\w.]+)" [\w-]+=)"[^"]*"')
_INTRO = re.compile(r'(<header id="intro">).*?(</header>)', re.DOTALL)
_WELCOME_TEXT = re.compile(r'<p class="lead"></p>(.*?<span class="reply"[^>]*>)', re.DOTALL)
_SAFE = "%&=+~,;:@/?!$'()*"  # characters of a query that need no escape

# Gradio has forty languages. The page is shown in one of its own languages, and in English to everyone else.
_LANGUAGE = 'Object.defineProperty(navigator, "language", { value: %s });'


class FirstPaint:
    """Puts the first paint into the document, and preload tags for the files that the page's modules need.

    Args:
        app: the app behind this middleware.
        registry: the models that are served.
        web: the files of ``web/``.
        limiter: counts the texts that are written for link previews.
    """

    def __init__(self, app: ASGIApp, registry: ModelRegistry, web: WebFiles, limiter: Limiter) -> None:
        self._app = app
        self._registry = registry
        self._beginnings = Beginnings(limiter)
        self._web = web.base().removeprefix("/")  # relative to the document, which a proxy may serve below another path
        markup = _MAIN.search(web.text("index.html"))
        assert markup, "the document of the page has a main element"  # noqa: S101
        self._markup = markup[1]
        self._script = web.text("document/first_paint.js")
        names = [*web.modules("app.js"), "settings.json"]
        self._preloads = "".join(map(self._preload, names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            await self._app(scope, receive, send)
            return
        started: Message = {}
        body = bytearray()
        language = best_language(dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1"))

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                document = self.painted(bytes(body), language, await self._tags(scope, language))
                headers = [(name, value) for name, value in started["headers"] if name.lower() != b"content-length"]
                headers.append((b"content-length", str(len(document)).encode()))
                await send({**started, "headers": headers})
                await send({"type": "http.response.body", "body": document})

        await self._app(scope, receive, collect)

    def painted(self, document: bytes, language: str, preview: str) -> bytes:
        """Returns the document with the first paint. Each part is left out if the document lacks the tag before it.

        Args:
            document: Gradio's HTML.
            language: a key of ``LANGUAGES``.
            preview: the tags for link previews.
        """
        site = self._registry.site
        head = f"<title>{html.escape(site.title_in(language))}</title>\n{preview}\n<style>{_STYLE}</style>"
        head += f'<link rel="icon" type="image/png" href="{self._web}favicon.png" />'
        head += f'<link rel="stylesheet" href="{self._web}document/style.css" />'
        head += f"<script>{_LANGUAGE % json.dumps(language)}</script>{self._preloads}"
        head += self._preload(f"languages/{language}.json")
        head += f'<script type="module" async src="{self._web}app.js"></script>'
        early = f'<div id="early"><div class="page">{self._page(language)}</div></div><script>{self._script}</script>'
        painted = without_tags(document).replace(b"</head>", f"{head}</head>".encode(), 1)
        painted = painted.replace(b'lang="en"', f'lang="{language}"'.encode(), 1)
        return painted.replace(b"<gradio-app", early.encode() + b"<gradio-app", 1)

    def _page(self, language: str) -> str:
        """Returns the page's markup with the texts of a language, the site's title, and its model's welcome text."""
        site, first, texts = self._registry.site, self._registry.first(), LANGUAGES[language]
        title, intro = html.escape(site.title_in(language)), html.escape(self._intro(language))
        markup = _INTRO.sub(lambda found: f"{found[1]}<h1>{title}</h1><p>{intro}</p>{found[2]}", self._markup)
        markup = _TEXT.sub(lambda found: found[1] + html.escape(texts[found[2]]), markup)
        markup = _NAME.sub(lambda found: f'{found[1]}"{html.escape(texts[found[2]])}"', markup)
        if not first or not first.welcome_text:
            return markup
        lead, welcome_text = f"{texts['page.hello']} {texts['greeting.colours']}", html.escape(first.welcome_text)
        return _WELCOME_TEXT.sub(
            lambda found: f'<p class="lead">{html.escape(lead)}</p>{found[1]}{welcome_text}', markup
        )

    def _intro(self, language: str) -> str:
        """Returns the line under the title: the owner's, otherwise the page's own with the text of the first model."""
        site, first, texts = self._registry.site, self._registry.first(), LANGUAGES[language]
        corpus = next((fact.values["corpus"] for fact in first.about if fact.id == "model.corpus"), "") if first else ""
        own = filled(texts["site.greeting_of"], corpus=corpus) if corpus else texts["site.greeting"]
        return site.intro or own

    def _preload(self, name: str) -> str:
        """Returns the tag with which a browser requests a file before a module needs it."""
        if name.endswith(".js"):
            return f'<link rel="modulepreload" href="{self._web}{name}" />'
        return f'<link rel="preload" as="fetch" crossorigin href="{self._web}{name}" />'

    async def _tags(self, scope: Scope, language: str) -> str:
        """Returns the tags for link previews: of a share link if the address is one, otherwise of the site."""
        site, first, texts = self._registry.site, self._registry.first(), LANGUAGES[language]
        title = site.title_in(language)
        address = address_of_app(scope.get("public_origin", ""), scope.get("root_path", ""))
        picture = f"{address}{self._web}preview.png"
        query = scope["query_string"].decode("latin-1")
        try:
            reply = first_reply(query, self._registry)
        except ValueError:  # not a valid link
            reply = None
        try:
            text = await self._beginnings.text_of(reply, scope["client"][0]) if reply else ""
        except RefusalError:  # a blocked word, or too many requests: nothing of the link is shown
            reply = None
        if reply:
            return tags(
                site=title,
                title=filled(texts["preview.shared"], title=title),
                description=shortened(text) or texts["site.greeting"],
                address=f"{address}?{quote(query, safe=_SAFE)}",
                picture=picture,
            )
        words = [self._intro(language), first.welcome_text if first else ""]
        description = shortened(" ".join(words))
        return tags(site=title, title=title, description=description, address=address, picture=picture)
