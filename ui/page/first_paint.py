"""The first paint: title and sample are in the document itself, and visible before Gradio's scripts have run.

An ASGI layer around the app that changes the document at ``/`` alone. It adds the text that ``app.js`` removes when the
real page is ready, and the tags of link previews, and it chooses the language among those that the page has.
"""

from __future__ import annotations

import html
import json
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..access.public_address import address_of_app
from ..messages import LANGUAGES, RefusalError, best_language, filled
from ..preview.previews import PATH, Previews
from ..preview.tags import shortened, tags, without_tags
from ..registry.registry import ModelRegistry
from ..settings import SPEED

# What style.css makes of the same text; Gradio's variables are not there yet.
_STYLE = """
#early { --ink: #0f766e; --paper: #fff; --line: #e7e5e4; --soft: #57534e; box-sizing: border-box; position: absolute;
  z-index: 1; left: 0; right: 0; max-width: 1180px; margin: 0 auto; padding: 16px 32px; background: var(--bg);
  font: 16px/1.5 ui-sans-serif, system-ui, sans-serif; }
#early > * { max-width: 783px; box-sizing: border-box; }
#early h1 { margin: 0 0 0.3rem; font: 700 1.55rem/1.2 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  letter-spacing: -0.03em; }
#early h1::after { content: "\\258D"; margin-left: 0.1em; color: var(--ink); }
#early p { margin: 0; color: var(--soft); }
#early div { height: clamp(18rem, 56vh, 44rem); margin-top: 3.45rem; padding: 1.1rem 1.3rem; overflow: hidden;
  background: var(--paper); border: 1px solid var(--line); border-radius: 10px; color: var(--soft); }
#early small { display: block; margin-bottom: 0.7rem; font-size: 0.8rem; }
#early pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 0.95rem/1.6 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
@media (max-width: 768px) { #early { padding: 14px 13px; } #early div { height: 50vh; padding: 0.9rem; }
  #early pre { font-size: 0.88rem; } }
@media (prefers-color-scheme: dark) { #early { --ink: #5eead4; --paper: #1c1917; --line: #44403c; --soft: #a8a29e;
  background: var(--bg-dark); } }
"""


# Writes the sample character by character, at the same times as web/page/arrival.js.
_WRITING = """
{
  const early = document.getElementById("early");
  const [box, began] = [early.querySelector("pre"), performance.now()];
  const characters = [...(box?.textContent ?? "")];
  early.dataset.began = began;
  const write = () => {
    if (!box.isConnected) return;
    box.textContent = characters.slice(0, ((performance.now() - began) * %s) / 1000).join("");
    requestAnimationFrame(write);
  };
  if (box && !matchMedia("(prefers-reduced-motion: reduce)").matches) write();
}
"""

_SAFE = "%&=+~,;:@/?!$'()*"  # what a query may hold as it is

# Gradio knows forty languages. The page is shown in one of those that it has itself, and in English to everyone else.
_LANGUAGE = 'Object.defineProperty(navigator, "language", { value: %s });'


class FirstPaint:
    """Puts the first paint into the document, and what the page's modules will need soon.

    Args:
        app: the app around which this layer lies.
        registry: the models that are served.
        web: the address of the files of ``web/``, from the root of the app.
        previews: what chats show of a link.
    """

    def __init__(self, app: ASGIApp, registry: ModelRegistry, web: str, previews: Previews) -> None:
        self._app = app
        self._registry = registry
        self._previews = previews
        self._web = web.removeprefix("/")  # relative to the document, which a proxy may serve below another path

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
        """Returns the document with the first paint; unchanged where it lacks the places that are searched for.

        Args:
            document: from Gradio.
            language: of the first paint.
            preview: the tags for link previews.
        """
        site, first, texts = self._registry.site, self._registry.first(), LANGUAGES[language]
        title, welcome_text = html.escape(site.title), html.escape(site.welcome_text or texts["site.greeting"])
        hello = f"{texts['page.hello']} {texts['greeting.colours']}"
        sample = f"<small>{hello}</small><pre>{html.escape(first.welcome_text)}</pre>" if first else ""
        early = f'<div id="early" aria-hidden="true"><h1>{title}</h1><p>{welcome_text}</p><div>{sample}</div></div>'
        early += f"<script>{_WRITING % SPEED.default}</script>"
        head = f"<title>{title}</title>\n{preview}\n<style>{_STYLE}</style>"
        head += f'<link rel="icon" type="image/png" href="{self._web}favicon.png" />'
        head += f'<link rel="stylesheet" href="{self._web}document/style.css" />'
        head += f'<link rel="modulepreload" href="{self._web}app.js" />'
        head += f"<script>{_LANGUAGE % json.dumps(language)}</script></head>"
        painted = without_tags(document).replace(b"</head>", head.encode(), 1)
        painted = painted.replace(b'lang="en"', f'lang="{language}"'.encode(), 1)
        return painted.replace(b"<gradio-app", early.encode() + b"<gradio-app", 1)

    async def _tags(self, scope: Scope, language: str) -> str:
        """Returns the tags for link previews: of a share link if the address is one, otherwise of the site."""
        site, first, texts = self._registry.site, self._registry.first(), LANGUAGES[language]
        address = address_of_app(scope.get("public_origin", ""), scope.get("root_path", ""))
        picture = address + PATH.removeprefix("/")
        query = scope["query_string"].decode("latin-1")
        if query and (reply := self._previews.link(query)):
            try:
                text = await self._previews.text_of(reply, scope["client"][0]) or reply.prompt
            except RefusalError:  # a blocked word, or too many requests: nothing of the link is shown
                pass
            else:
                return tags(
                    site=site.title,
                    title=filled(texts["preview.shared"], title=site.title),
                    description=shortened(text) or texts["site.greeting"],
                    address=f"{address}?{quote(query, safe=_SAFE)}",
                    picture=f"{picture}?{reply.query}",
                )
        words = [site.welcome_text or texts["site.greeting"], first.welcome_text if first else ""]
        description = shortened(" ".join(words))
        return tags(site=site.title, title=site.title, description=description, address=address, picture=picture)
