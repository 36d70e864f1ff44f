"""Loss curves: what the picture shows, and the line of block characters."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from PIL import Image

from training.card.curve import Curve, draw, sparkline

BLUE, ORANGE, GREY, GREEN = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0x8C, 0x95, 0x9F), (0x00, 0x9E, 0x73)


def lines(count: int = 8, more: float = 0.0) -> list[dict[str, Any]]:
    return [
        {
            "chars": 500_000 * n,
            "train_loss": 1.3 + more + 1 / n,
            "val_loss": 1.5 + more + (n - 6) ** 2 / 50,
            "val_cold256": 1.6 + more + (n - 6) ** 2 / 50,
        }
        for n in range(1, count + 1)
    ]


def colours(picture: bytes) -> dict[tuple[int, int, int], int]:
    with Image.open(io.BytesIO(picture)) as image:
        assert (image.format, image.size) == ("PNG", (1200, 675))
        found: Any = image.convert("RGB").getcolors(1 << 20)
        return {pixel: count for count, pixel in found}


def test_each_run_has_its_own_colour_whatever_its_name() -> None:
    names = ["$x^$", "_hidden", "中文", "", "a\nb", *map(str, range(9))]
    runs = [Curve(name, lines(more=n / 10)) for n, name in enumerate(names)]
    found = colours(draw(runs))
    assert all(found[colour] > 500 for colour in (BLUE, ORANGE, GREEN))
    assert draw(runs[:2]) == draw(runs[:2])  # the picture is deterministic


@pytest.mark.parametrize(
    ("losses", "shown"),
    [
        ([3.0, 2.0, 1.5], "█▅▁"),
        ([1.0, 5.0, 1.0], "▁█▁"),
        ([2.0, 2.0, 2.0], "▁▁▁"),
        ([2.0, math.inf, 1.0], ""),
        ([3.0] * 500 + [1.0], "█" * 23 + "▁"),
    ],
)
def test_the_height_of_blocks_follows_the_loss(losses: list[float], shown: str) -> None:
    assert sparkline(losses) == shown
