"""The scan finds what a careless author leaves in a text, and says nothing of ordinary prose and code."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

import pytest

from model import PRETRAINED, CharLSTM, generate
from tests.unit.training.corpus.canaries import CANARIES
from training.corpus.privacy.findings import EMAIL
from training.corpus.privacy.scan import scan

PROSE = """\
In March of 1847 the ship left Bristol with 230 passengers, 14 cows and a doctor. It cost £3,500 to build, and sailed
at 9:30 from pier 7. "Call me at six", she said; he paid 12.50 for it on 3/4/1848, at 51.4545, -2.5879.
"""


def text_with(canary: str) -> tuple[str, int, int]:
    """Returns prose with the canary on lines of its own, and the numbers of its first and last line."""
    before = PROSE * 3
    first = before.count("\n") + 1
    return f"{before}{canary}\n{PROSE}", first, first + canary.count("\n")


def test_there_are_sixty_kinds() -> None:
    assert len(CANARIES) >= 60


@pytest.mark.parametrize("kind", CANARIES)
def test_a_canary_is_found_where_it_is(kind: str) -> None:
    text, first, last = text_with(CANARIES[kind])
    found = scan(text)
    assert found, "not found"
    assert all(first <= finding.line <= last for finding in found), found
    for finding in found:
        shown = finding.excerpt.replace("…", "")
        assert len(shown) < len(CANARIES[kind]) / 1.4


def test_all_canaries_are_found_in_one_text() -> None:
    """In one text a finding may hide another one, so a few may be lost, but no more than three of sixty."""
    text, places = "", {}
    for kind, canary in CANARIES.items():
        text += PROSE
        first = text.count("\n") + 1
        text += f"{canary}\n"
        places[kind] = range(first, text.count("\n") + 1)
    lines = {finding.line for finding in scan(text)}
    missed = [kind for kind, place in places.items() if not lines & set(place)]
    assert len(missed) <= len(CANARIES) * 3 // 60, missed
    outside = lines - {line for place in places.values() for line in place}
    assert not outside, "false alarms in the prose"


def test_the_sources_of_python_hold_nothing_private_but_the_addresses_of_their_authors() -> None:
    library = Path(sysconfig.get_paths()["stdlib"])
    alarms, size = [], 0
    for path in sorted(library.rglob("*.py")):
        inside = path.relative_to(library)
        if {"test", "tests", "site-packages", "dist-packages", "lib2to3", "idlelib"} & set(inside.parts):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        size += len(text)
        for finding in scan(text):
            line = text.split("\n")[finding.line - 1][finding.column - 1 :]
            if finding.kind != EMAIL or not re.match(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,4}\b", line):
                alarms.append(f"{inside}:{finding.line}: {finding.kind}: {line[:60]}")
    assert size > 3_000_000
    assert len(alarms) <= 2, alarms


def test_what_the_bundled_model_writes_holds_nothing_private() -> None:
    lm = CharLSTM.from_pretrained(PRETRAINED)
    text = "".join(generate(lm, "ROMEO:", 4000, temperature=temperature, seed=1) for temperature in (0.7, 1.0, 1.3))
    assert len(text) >= 12_000
    assert scan(text) == []
