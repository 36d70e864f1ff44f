"""The table of a sweep: medians over seeds, the lowest loss first."""

from __future__ import annotations

from training.cli.commands.compare import WIDTH, Run
from training.cli.sweep.table import Combination, Table


def run(name: str, *losses: float) -> Run:
    lines = [{"step": n, "val_loss": loss, "chars": 1000 * n, "seconds": 60 * n} for n, loss in enumerate(losses, 1)]
    return Run(name, lines, 10, {})


def test_the_best_combination_is_first_with_the_medians_of_its_seeds() -> None:
    low = Combination("lr=0.1", [run("a", 2.0, 1.0, 1.5), run("b", 3.0, 1.25), run("c", 9.0)])
    one = Combination("lr=0.2", [run("d", 1.3)])
    failed = Combination("lr=0.3", [])
    assert (low.loss, low.typical.name) == (1.25, "b")
    rows = Table(["lr=0.1", "lr=0.2", "lr=0.3"]).ranking([failed, one, low]).split("\n")
    assert [row.split() for row in rows] == [
        ["settings", "runs", "best", "last", "chars", "minutes"],
        ["*", "lr=0.1", "3", "1.2500", "1.5000", "2.00k", "2.0"],
        ["lr=0.2", "1", "1.3000", "1.3000", "1.00k", "1.0"],
        ["lr=0.3", "0", "-", "-", "-", "-"],
    ]


def test_rows_that_are_printed_one_by_one_are_aligned_and_fit() -> None:
    names = ["hidden_size=8", "dropout_between=0.35 " * 9]
    table = Table(names)
    printed = [table.head, *(table.row(name, [run(name, 1.0)]) for name in names)]
    assert len({len(line) for line in printed}) == 1
    assert len(printed[0]) <= WIDTH
