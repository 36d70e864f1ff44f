"""The meta tags of a document, from which chat apps and search engines make a preview."""

from __future__ import annotations

import html

WIDTH, HEIGHT = 1200, 630  # of web/preview.png, in pixels: the size that chat apps show large
MAX_DESCRIPTION = 200  # characters; chats show fewer


def shortened(text: str) -> str:
    """Returns a text in one line, cut after a word."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    if len(line) <= MAX_DESCRIPTION:
        return line
    return line[:MAX_DESCRIPTION].rsplit(" ", 1)[0] + " …"


def tags(*, site: str, title: str, description: str, address: str, picture: str) -> str:
    """Returns the meta tags, one a line.

    Args:
        site: the title of the site.
        title: the title of the address.
        description: the text of the preview, in one line.
        address: the whole URL.
        picture: the whole URL of web/preview.png.
    """
    properties = {
        "og:type": "website",
        "og:site_name": site,
        "og:title": title,
        "og:description": description,
        "og:url": address,
        "og:image": picture,
        "og:image:type": "image/png",
        "og:image:width": str(WIDTH),
        "og:image:height": str(HEIGHT),
        "og:image:alt": description,
    }
    lines = [f'<meta name="description" content="{html.escape(description)}">']
    lines += [f'<meta property="{name}" content="{html.escape(value)}">' for name, value in properties.items()]
    return "\n".join([*lines, '<meta name="twitter:card" content="summary_large_image">'])
