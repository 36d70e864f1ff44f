"""``python -m ui.preview`` draws the pictures of the static page: web/preview.png and web/favicon.png."""

from __future__ import annotations

import asyncio

from model import PRETRAINED, CharLSTM

from ..access.limits import Limiter, Limits
from ..access.workers import Workers
from ..conversation.read_text import ReadText
from ..registry.registry import ModelRegistry
from ..routes.web_files import FOLDER
from ..site_config import SiteConfig
from .picture import draw, draw_favicon
from .writing import ColouredText, bits_of


def picture_of_the_static_page() -> bytes:
    """Returns the picture with a sample of the bundled model."""
    registry = ModelRegistry()
    served = registry.add("bundled", CharLSTM.from_pretrained(PRETRAINED))
    try:
        workers = Workers(Limiter(Limits()), at_once=1)
        sample = served.welcome_text
        bits = asyncio.run(bits_of(ReadText(served, ""), sample, (), "127.0.0.1", workers))
    finally:
        registry.stop()
    return draw(SiteConfig().title_in("en"), ColouredText("", sample, bits))


if __name__ == "__main__":
    (FOLDER / "preview.png").write_bytes(picture_of_the_static_page())
    (FOLDER / "favicon.png").write_bytes(draw_favicon())
