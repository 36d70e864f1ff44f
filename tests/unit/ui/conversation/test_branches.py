"""A tree of turns: what is kept of it, and the paths through it."""

from __future__ import annotations

from dataclasses import dataclass

from ui.conversation.branches import MOST, MOST_TEXT, Branches


@dataclass(eq=False)
class Turn:
    number: int
    written: int = 10

    @property
    def label(self) -> str:
        return f"turn {self.number}"


def turns(count: int) -> list[Turn]:
    return [Turn(number) for number in range(1, count + 1)]


def grown(*paths: list[Turn]) -> Branches[Turn]:
    branches: Branches[Turn] = Branches()
    for path in paths:
        branches.add(path)
    return branches


def test_one_path_is_nothing_to_draw() -> None:
    a, b, c = turns(3)
    branches = grown([a], [a, b], [a, b, c])
    assert branches.as_json([a, b, c]) == {}
    assert branches.as_json([a, b])["here"] == 2


def test_a_turn_that_was_left_is_found_with_those_before_it() -> None:
    a, b, c, d = turns(4)
    branches = grown([a], [a, b], [a, c], [a, c, d])
    assert branches.path_to(2) == [a, b]
    assert branches.path_to(4) == [a, c, d]
    assert branches.path_to(5) == []
    assert branches.as_json([a, b]) == {
        "tree": [[1, 0, "turn 1"], [2, 1, "turn 2"], [3, 1, "turn 3"], [4, 3, "turn 4"]],
        "here": 2,
        "redo": False,
    }


def test_redo_goes_back_the_way_that_undo_came_until_something_new_begins() -> None:
    a, b, c = turns(3)
    branches = grown([a], [a, b])
    branches.undone(b)
    branches.undone(a)
    assert branches.as_json([]) == {"tree": [[1, 0, "turn 1"], [2, 1, "turn 2"]], "here": 0, "redo": True}
    assert branches.redo() == [a]
    assert branches.redo() == [a, b]
    assert branches.redo() == []
    branches.undone(b)
    branches.add([a, c])
    assert branches.redo() == []


def test_what_stands_instead_of_a_turn_leaves_nothing_of_it() -> None:
    a, b, c = turns(3)
    branches = grown([a], [a, b])
    branches.add([a, c], instead_of=b)
    assert branches.as_json([a, c]) == {}


def test_what_branched_off_from_a_forgotten_turn_is_forgotten_with_it() -> None:
    a, b, c, d = turns(4)
    branches = grown([a], [a, b], [a, c], [a, c, d])
    branches.add([c, d])
    assert branches.as_json([c, d]) == {}
    assert branches.path_to(4) == [c, d]


def test_other_beginnings_are_kept() -> None:
    a, b, c = turns(3)
    branches = grown([a], [b], [b, c])
    assert [each[:2] for each in branches.as_json([b, c])["tree"]] == [[1, 0], [2, 0], [3, 2]]


def test_the_oldest_ends_go_first_and_what_is_shown_stays() -> None:
    a, *others = turns(MOST + 20)
    branches = grown([a], *([a, each] for each in others))
    kept = [each[0] for each in branches.as_json([a, others[-1]])["tree"]]
    assert kept == [1, *range(22, MOST + 21)]
    long = [Turn(number, MOST_TEXT // 3) for number in range(1, 8)]
    branches = grown(*(long[:count] for count in range(1, 8)))
    assert branches.as_json(long) == {}
    branches.add([*long[:6], Turn(9, 10)])
    assert branches.as_json([*long[:6], Turn(9, 10)]) == {}
