"""Loss curves: the picture of some runs, and the line of block characters."""

from __future__ import annotations

import io
import math

import pytest
from PIL import Image

from training.card.curve import Curve, draw, sparkline


@pytest.mark.slow
def test_each_run_is_drawn_whatever_its_name() -> None:
    lines = [{"chars": 500_000 * n, "train_loss": 1 + 1 / n, "val_loss": 2.5 - n / 9} for n in range(1, 9)]
    curves = [Curve(name, lines, 1.9) for name in ["$x^$", "_hidden", "中文", "", "a\nb", *map(str, range(9))]]
    picture = draw(curves)
    with Image.open(io.BytesIO(picture)) as image:
        assert (image.format, image.size) == ("PNG", (1200, 675))
    assert draw(curves) == picture


@pytest.mark.parametrize(
    ("losses", "shown"),
    [
        ([3.0, 2.0, 1.5], "█▅▁"),
        ([2.0, 2.0, 2.0], "▁▁▁"),
        ([2.0, math.inf, 1.0], ""),
        ([3.0] * 500 + [1.0], "█" * 23 + "▁"),
    ],
)
def test_the_height_of_blocks_follows_the_loss(losses: list[float], shown: str) -> None:
    assert sparkline(losses) == shown
