"""One visitor's conversation: its turns, and the model's memory before and after each of them.

A memory is a few kilobytes of numbers, so every turn keeps the memory it began with. Continue, Retry and Undo start
from one of these memories, and no text is read twice. Pure logic: it starts no engine and knows no Gradio.
"""

from __future__ import annotations

from dataclasses import replace

from model import Sequence

from ..messages import Message, RefusalError
from ..protocol import line
from ..registry.loaded_model import LoadedModel
from .branches import Branches
from .clamps import NO_CLAMPS, ModelClamps
from .links import Link
from .state_handover import text_so_far
from .turn import Start, Turn

MAX_TURNS = 50  # older turns leave the page; the model's memory of them stays
MAX_TEXT = 100_000  # characters kept per visitor
MAX_BRANCHES = 20  # earlier versions of a turn


class Conversation:
    """All turns of one visitor.

    Attributes:
        refusal: why the last request was refused; None if it was not.
        stream: the token of the last reply's stream.
        offer: the view of a shared link, while nothing is written.
        clamps: the cells that are clamped in the next reply.
        following: the shared link that is being written; ``followed`` is the number of its steps that have begun.
        branches: all turns, replaced ones included; ``turns`` is one path through them.
    """

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.refusal: Message | None = None
        self.stream = ""
        self.offer = ""
        self.clamps: ModelClamps = NO_CLAMPS
        self.following: Link | None = None
        self.followed = 0
        self.branches: Branches[Turn] = Branches()
        self._count = 0
        self._forgotten = 0

    @property
    def writing(self) -> Sequence | None:
        """The reply that is being written; None when there is none."""
        last = self.turns[-1].parts[-1] if self.turns else None
        return last if last and not last.finished else None

    def next_turn(self, served: LoadedModel, prompt: str) -> Turn:
        """The turn that Send makes.

        A different model begins with an empty memory; a newer commit of the same model first reads the text so far.
        """
        return Turn(self._count + 1, prompt, self._end(self.turns, served))

    def turn_again(self, served: LoadedModel) -> Turn:
        """The turn that Retry makes of the last one, from the memory before it.

        Raises:
            RefusalError: there is no turn yet.
        """
        last = self._last()
        if last.served is not served:
            start = self._start_again(last) if last.served.newest is served else Start(served)
            return Turn(self._count + 1, last.prompt, start)
        return Turn(self._count + 1, last.prompt, last.start)

    def turn_to_continue(self) -> Turn:
        """The last turn; if a newer commit is served now, as that commit takes it over.

        Raises:
            RefusalError: there is no turn yet.
        """
        return self._as_served(self._last())

    def turn_without(self, at: int) -> Turn:
        """The last turn without the pieces of its reply from one on. Changes nothing yet."""
        last = self._last()
        turn = self._as_served(last)
        kept = turn.parts[: at if turn is last else 0]  # a newer commit writes all of it
        return replace(turn, number=self._count + 1, parts=kept, mark=(), earlier=last, taken_over=False)

    def cut(self, number: object, keep: object, pick: object = "") -> Turn:
        """The last turn, cut after some characters of its reply: see ``Turn.cut``. Changes nothing yet.

        Raises:
            RefusalError: it is not the last turn, or has no such character.
        """
        last = self._last()
        if number != last.number:
            raise RefusalError("refusal.not_latest")
        turn = self._as_served(last)
        if type(keep) is not int or not 1 <= keep <= turn.written - (not pick):
            raise RefusalError("refusal.nothing_after")
        if not isinstance(pick, str) or (pick and (len(pick) > 1 or not turn.served.lm.tokenizer.in_vocab(pick).all())):
            raise RefusalError("refusal.unknown_character")
        cut = turn.cut(self._count + 1, keep, pick)
        if turn.served.engine.blocked.inside(cut.text):
            raise RefusalError("refusal.cut_blocked")
        cut.earlier = last
        return cut

    def add(self, turn: Turn, part: Sequence) -> None:
        """Adds a part that is being written to a turn, which is new or the last one."""
        self.refusal, self.offer = None, ""
        turn.parts.append(part)
        if turn not in self.turns:
            self.turns.append(turn)
            self._count = turn.number
            self._forget()
        self.branches.add(self.turns)

    def branch(self, turn: Turn, part: Sequence | None = None) -> None:
        """Replaces the last turn by one that was made from it, to which a part may be added."""
        last = self.turns.pop()
        if part is not None:
            turn.parts.append(part)
        self.refusal = None
        self.turns.append(turn)
        self._count = turn.number
        kept = turn
        for _ in range(MAX_BRANCHES):
            kept = kept.earlier or kept
        kept.earlier = None
        self.branches.add(self.turns, instead_of=None if turn.earlier is last else last)

    def undo(self) -> None:
        """Removes the last turn and its effect on the memory, and restores the turn that it replaced."""
        self.refusal = self.following = None
        if self.turns:
            last = self.turns.pop()
            self.branches.undone(last)
            if last.earlier:
                self.turns.append(last.earlier)

    def redo(self) -> None:
        """Shows the turn again that Undo removed last."""
        self._show(self.branches.redo(), "refusal.no_redo")

    def walk(self, number: object) -> None:
        """Shows another turn of the tree, and the turns before it."""
        self._show(self.branches.path_to(number), "refusal.turn_gone")

    def _show(self, path: list[Turn], refusal: str) -> None:
        self.refusal, self.following = None if path else Message(refusal), None
        self.turns = path or self.turns

    def clear(self) -> None:
        self.refusal, self.offer, self.following = None, "", None
        self.turns.clear()
        self.branches = Branches()
        self._forgotten = 0

    def view(self, hello: str = "") -> str:
        """The view, in protocol lines, while nothing is being written."""
        if not self.turns:
            return (self.offer or hello) + self._refused() + self._held() + self._tree()
        turns = "".join(turn.lines() for turn in self.turns)
        return self._older() + turns + self._refused() + self._held() + self._tree()

    def streaming_view(self, stream: str) -> str:
        """The view while the last turn is being written; its text arrives over the stream with this token."""
        self.stream = stream
        *older, last = self.turns
        text = "".join(part.text for part in last.parts[:-1])
        lines = self._older() + "".join(turn.lines() for turn in older) + last.head()
        return lines + (line(text=text) if text else "") + self._held() + self._tree() + line(stream=stream)

    def _end(self, turns: list[Turn], served: LoadedModel) -> Start:
        if not turns or turns[-1].served.newest is not served.newest:
            return Start(served)
        last = turns[-1]
        if last.served is served:
            return last.end
        return Start(served, None, text_so_far(turns), cut=not last.over, before=last.served.commit)

    def _start_again(self, last: Turn) -> Start:
        """Where the last turn begins for the commit that is served now."""
        start, now = last.start, last.served.newest
        if start.memory is not None:
            start = self._end(self.turns[:-1], now)
        return replace(start, served=now, before=last.served.commit)

    def _as_served(self, last: Turn) -> Turn:
        """The last turn as it is, or as the commit that is served now takes it over."""
        if last.served.newest is last.served:
            return last
        return last.taken_over_by(self._start_again(last), self._count + 1)

    def _last(self) -> Turn:
        if not self.turns:
            raise RefusalError("refusal.no_reply")
        return self.turns[-1]

    def _forget(self) -> None:
        while len(self.turns) > 1 and (len(self.turns) > MAX_TURNS or self._size() > MAX_TEXT):
            self.turns.pop(0)
            self._forgotten += 1

    def _size(self) -> int:
        return sum(len(turn.prompt) + turn.written for turn in self.turns)

    def _older(self) -> str:
        return line(forgotten=self._forgotten) if self._forgotten else ""

    def _tree(self) -> str:
        tree = self.branches.as_json(self.turns)
        return line(**tree) if tree else ""

    def _held(self) -> str:
        return line(held=self.clamps.clamps, of=self.clamps.model) if self.clamps.clamps else ""

    def _refused(self) -> str:
        return line(refusal=self.refusal) if self.refusal else ""


def hello(served: LoadedModel) -> str:
    """The view of an empty conversation."""
    return line(hello=served.welcome_text, by=served.name, **({"chat": True} if served.lm.chat else {}))


def greet(view: str) -> str:
    """A view that a page ignores if a turn has begun by the time it arrives."""
    return line(greet=True) + view
