"""The figures of README.md and docs that depend on the weights of the bundled model: ``python -m docs.figures``.

docs/gallery.md says where each figure stands.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

from model import PRETRAINED, Cell, CharLSTM, Clamp, generate
from model.checkpoint.names import CARD

PROMPT, LENGTH, SEEDS = "ROMEO:", 1_000, range(12)
VALUE = 4.0  # of c in a clamped cell
# Names of cells that follow how far a line is, the best first: the first ones of web/lenses/names.js.
COUNTERS = ("words in the line so far", "place in the line")


def line_counters(lm: CharLSTM) -> list[tuple[Cell, float]]:
    """Returns the best cell of each of these names, the first the best, and the value that should make lines short.

    Raises:
        SystemExit: the model has no such cell.
    """
    found = []
    for name in COUNTERS:
        for cell in [cell for cell in lm.cells if cell.name == name][:1]:
            falls = cell.score < (0.5 if cell.kind == "auc" else 0)
            found.append((cell, -VALUE if falls else VALUE))
    if not found:
        raise SystemExit("the bundled model has no named cell that counts the line")
    return found


def line_length(lm: CharLSTM, clamps: Sequence[Clamp]) -> float:
    """Returns the mean length of the lines that the model writes, without empty lines and the last one."""
    texts = (generate(lm, PROMPT, LENGTH, seed=seed, clamps=clamps) for seed in SEEDS)
    return statistics.fmean(len(line) for text in texts for line in text.split("\n")[:-1] if line)


def main() -> None:
    """Prints the figures, each with the file that has it."""
    lm = CharLSTM.from_pretrained(PRETRAINED)
    noted, card = lm.training, (PRETRAINED / CARD).read_text(encoding="utf-8")
    losses = {"carried": noted["val_loss"], "cold256": noted["val_cold256"], "adapted": noted["val_adapted"]}
    for protocol, loss in losses.items():
        print(f"README.md: {loss:.3f} {protocol}")
    print(f"README.md: {noted['int8_cost']:+.4f} nats by int8 inference")
    print("docs/evaluation.md:", *re.findall(r"The longest passage .*|For comparison: .*", card))
    print(f"docs/lenses.md: lines of {line_length(lm, []):.0f} characters on average")
    for cell, value in line_counters(lm):
        lengths = (line_length(lm, [Clamp(cell.layer, cell.index, clamp)]) for clamp in (value, -value))
        shown = ", ".join(f"at {clamp:g} {length:.0f}" for clamp, length in zip((value, -value), lengths, strict=True))
        print(f"docs/lenses.md: {cell}; clamped {shown}")


if __name__ == "__main__":
    main()
