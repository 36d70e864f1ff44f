"""web/index.html repeats what is defined elsewhere, so that a browser has it at the first paint."""

from __future__ import annotations

from tests.support.index_page import PAGE, generated
from ui.routes.web_files import WebFiles


def test_the_page_repeats_its_modules_and_texts_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == generated(page), "run python -m tests.support.index_page"


def test_the_modules_of_the_first_screen_are_found_through_imports_and_exports() -> None:
    modules = WebFiles().modules("static.js")
    assert modules[0] == "static.js"
    assert {"page/main.js", "settings.js", "document/words.js"} <= set(modules)
    later = ("learn/", "worker/", "vendor/fflate", "vendor/huggingface")
    assert not [name for name in modules if name.startswith(later)]
