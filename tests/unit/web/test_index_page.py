"""web/index.html repeats what is defined elsewhere, so that a browser has it at the first paint."""

from model.files import web_content, web_modules
from tests.support.index_page import PAGE, generated


def test_the_page_repeats_texts_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == generated(page), "run python -m tests.support.index_page"


def test_the_modules_of_the_first_screen_are_preloaded_and_no_others() -> None:
    modules = web_modules(PAGE.parent, "static.js")
    assert {"static.js", "page/main.js", "settings.js", "document/words.js"} <= set(modules)
    later = ("learn/", "worker/", "vendor/fflate", "vendor/huggingface")
    assert not [name for name in modules if name.startswith(later)]
    page = web_content(PAGE).decode()
    assert all(page.count(f'<link rel="modulepreload" href="{name}">') == 1 for name in modules)
