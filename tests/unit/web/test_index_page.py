"""What web/index.html repeats of other files, so that a browser shows the page before any module has arrived: the
English texts, the greeting's speed, and the script of the first paint, which must not wait for a request.

`python -m tests.unit.web.test_index_page` writes it again.
"""

import base64
import hashlib
import html
import json
import re

from model.files import web_content, web_modules
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


def test_the_page_repeats_texts_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == generated(page), "run python -m tests.unit.web.test_index_page"


def test_the_modules_of_the_first_screen_are_preloaded_and_no_others() -> None:
    modules = web_modules(PAGE.parent, "static.js")
    assert {"static.js", "page/main.js", "settings.js", "document/words.js"} <= set(modules)
    later = ("learn/", "worker/", "vendor/fflate", "vendor/huggingface")
    assert not [name for name in modules if name.startswith(later)]
    page = web_content(PAGE).decode()
    assert all(page.count(f'<link rel="modulepreload" href="{name}">') == 1 for name in modules)


if __name__ == "__main__":
    PAGE.write_text(generated(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
