"""``python -m ui.preview`` draws the pictures of the static page: web/preview.png and web/favicon.png."""

from __future__ import annotations

from model import PRETRAINED, CharLSTM
from model.checkpoint.welcome import stored_welcome
from model.scoring.picture import draw_favicon, draw_sample

from ..routes.web_files import FOLDER
from ..site_config import SiteConfig


def picture_of_the_static_page() -> bytes:
    """Returns the picture with a sample of the bundled model."""
    lm = CharLSTM.from_pretrained(PRETRAINED)
    return draw_sample(lm, SiteConfig().title_in("en"), stored_welcome(lm.training)[0])


if __name__ == "__main__":
    (FOLDER / "preview.png").write_bytes(picture_of_the_static_page())
    (FOLDER / "favicon.png").write_bytes(draw_favicon())
