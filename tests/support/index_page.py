"""Write what web/index.html repeats of other files: the English texts, the greeting's speed, and the script of the
first paint, which must not wait for a request.

    python -m tests.support.index_page

A browser then shows the page before any module has arrived.
"""

import base64
import hashlib
import html
import json
import re
import sys

from model.files import web_content
from ui.messages import ENGLISH
from ui.routes.web_files import FOLDER

PAGE = FOLDER / "index.html"
_SCRIPT = re.compile(r"<script>.*?</script>", re.DOTALL)
_POLICY = re.compile(r"script-src 'self' 'sha256-[^']*'")
_TEXT = re.compile(r'(data-text="([\w.]+)"[^>]*>)[^<]*')
_NAME = re.compile(r'(data-(?:label|placeholder)="([\w.]+)" [\w-]+=)"[^"]*"')


def generated(page: str) -> str:
    """Return the page with its repeated parts brought up to date."""
    settings = json.loads((FOLDER / "settings.json").read_text(encoding="utf-8"))["settings"]
    script = web_content(FOLDER / "document/first_paint.js").decode()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = _SCRIPT.sub(lambda _: f"<script>{script}</script>", page)
    page = _POLICY.sub(f"script-src 'self' 'sha256-{digest}'", page)
    page = _TEXT.sub(lambda found: found[1] + html.escape(ENGLISH[found[2]], quote=False), page)
    page = _NAME.sub(lambda found: f'{found[1]}"{html.escape(ENGLISH[found[2]])}"', page)
    return re.sub(r'data-speed="\d*"', f'data-speed="{settings["speed"]["default"]}"', page)


def main() -> int:
    PAGE.write_text(generated(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
