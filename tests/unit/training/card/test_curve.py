"""Loss curves: what the picture shows, and the line of block characters."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from PIL import Image

from training.card.curve import AXES, Curve, draw, sparkline

BLUE, ORANGE, GREY, GREEN = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0x8C, 0x95, 0x9F), (0x00, 0x9E, 0x73)


def lines(count: int = 8, more: float = 0.0) -> list[dict[str, Any]]:
    return [
        {
            "step": n,
            "chars": 500_000 * n,
            "seconds": 7.5 * n,
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


@pytest.mark.parametrize("x", AXES)
def test_a_picture_of_one_run_shows_all_losses(x: str) -> None:
    found = colours(draw([Curve("a run", lines(), 1.9)], x=x))
    assert found[BLUE] > 1000
    assert {ORANGE, GREY, (0x57, 0x60, 0x6A)} <= found.keys()


def test_each_run_has_its_own_colour() -> None:
    runs = [Curve(f"run {n}", lines(more=n / 10)) for n in range(3)]
    found = colours(draw(runs))
    assert all(found[colour] > 1000 for colour in (BLUE, ORANGE, GREEN))


def test_many_runs_with_names_of_every_kind_are_drawn() -> None:
    names = ["$x^$", "_hidden", "中文", "", "a\nb", *map(str, range(15))]
    assert draw([Curve(name, lines(more=n / 10)) for n, name in enumerate(names)])


def test_the_picture_is_deterministic() -> None:
    assert draw([Curve("a", lines())]) == draw([Curve("a", lines())])


def test_one_huge_loss_does_not_flatten_the_rest() -> None:
    """A huge loss at the beginning must not compress all later losses into one line at the bottom."""
    burst = lines(40)
    burst[0]["val_loss"] = 1e6
    assert colours(draw([Curve("a", burst)]))[BLUE] > 1500


def test_invalid_values_are_left_out() -> None:
    odd: list[dict[str, Any]] = [{"chars": math.nan, "val_loss": 1.0}, {"chars": 1, "val_loss": None}]
    odd += [{"val_loss": 2}, {"chars": True, "val_loss": 2}]
    curve = Curve("a", [*odd, *lines(2)])
    assert [loss for _, loss in curve.points("val_loss")] == [line["val_loss"] for line in lines(2)]
    assert curve.is_drawable
    assert not Curve("a", [*odd, *lines(1)]).is_drawable


def test_the_height_of_blocks_follows_the_loss() -> None:
    assert sparkline([3.0, 2.0, 1.5]) == "█▅▁"
    assert sparkline([1.0, 5.0, 1.0]) == "▁█▁"
    assert sparkline([2.0, 2.0, 2.0]) == "▁▁▁"
    assert sparkline([2.0, 1.0]) == ""
    assert sparkline([2.0, math.inf, 1.0]) == ""


def test_many_losses_become_24_blocks_that_end_with_the_last() -> None:
    shown = sparkline([3.0] * 500 + [1.0])
    assert len(shown) == 24
    assert shown == "█" * 23 + "▁"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", None, "no-such"])
def test_a_terminal_without_block_characters_gets_ascii_marks(encoding: str | None) -> None:
    assert sparkline([3.0, 2.0, 1.5], encoding) == "#=_"
