"""Write what web/index.html repeats of other files: the modules to preload, the English texts, the greeting's speed.

    python -m tests.support.index_page

A browser then requests all modules of the first screen at once, and shows the page before any of them has arrived.
"""

from __future__ import annotations

import html
import json
import re
import sys

from ui.messages import ENGLISH
from ui.routes.web_files import FOLDER, WebFiles

PAGE = FOLDER / "index.html"
DATA = ("settings.json", "languages/index.json", "languages/en.json")  # that the modules fetch first
_LINKS = re.compile(r'(?:<link rel="(?:module)?preload"[^>]*>\n)+')
_TEXT = re.compile(r'(data-text="([\w.]+)"[^>]*>)[^<]*')
_NAME = re.compile(r'(data-(?:label|placeholder)="([\w.]+)" [\w-]+=)"[^"]*"')


def generated(page: str) -> str:
    """Return the page with its repeated parts brought up to date."""
    modules = [f'<link rel="modulepreload" href="{name}">\n' for name in WebFiles().modules("static.js")]
    data = [f'<link rel="preload" as="fetch" crossorigin href="{name}">\n' for name in DATA]
    settings = json.loads((FOLDER / "settings.json").read_text(encoding="utf-8"))["settings"]
    page = _LINKS.sub("".join([*modules, *data]), page)
    page = _TEXT.sub(lambda found: found[1] + html.escape(ENGLISH[found[2]], quote=False), page)
    page = _NAME.sub(lambda found: f'{found[1]}"{html.escape(ENGLISH[found[2]])}"', page)
    return re.sub(r'data-speed="\d*"', f'data-speed="{settings["speed"]["default"]}"', page)


def main() -> int:
    PAGE.write_text(generated(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
