"""One visitor's conversation: the turns, and what the model remembers after each of them.

Pure logic: it starts no engine and knows no Gradio. The model's memory is a few kilobytes of numbers, so every
turn keeps the one it began with; Continue, Retry and Undo are moves between these, and nothing is read twice.

What the page shows is a text of JSON lines, which ``view.js`` reads. While a reply is written, the lines that are new
come over a stream (``streams``).

    {"hello": "…", "by": "…"}        an empty conversation: a sample of the model's own; "chat" if it answers
    {"greet": true}                  what follows is not for a page on which a turn has begun meanwhile
    {"forgotten": 3}                 earlier turns that are no longer shown
    {"turn": 7, "prompt": "…"}       a turn begins; the lines after it belong to it; in a "chat" it is answered;
                                     "held": the first character of the reply that was written with a cell held
    {"text": "…"}                    what the model wrote, in pieces
    {"say": "…", "as": "notice"}     notice, status (until the next text), fault, mark or foot, which ends the turn
    {"refusal": "…"}                 why the last thing asked for was not done
    {"stream": "…"}                  the last turn goes on over the stream of this token
    {"load": "…"}                    how much is being written just now, by everyone
    {"link": ["…"], "facts": "…", "warning": "…"}  a link that may be followed: its prompts, before anything is written
    {"tree": [[7, 3, "…"]], "here": 7, "redo": true}  turns that were, each with the one before it (see ``branches``)
    {"held": [[0, 410, 4.0]]}        the cells that are held, each a layer, a number and a value
    {"share": "…", "at": "…"}        the parameters of a link to the conversation, and the address if it is known
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from model import Memory, Reading, Sequence
from model.holds import Holds
from model.tokenizer import describe_unknown

from . import hand
from .branches import Branches
from .links import Link
from .served import Served
from .settings import DEADLINE_S, RefusalError
from .takeover import news, text_so_far

MAX_TURNS = 50  # older ones leave the page; what the model remembers of them stays
MAX_TEXT = 100_000  # characters kept a visitor
MAX_BRANCHES = 20  # earlier versions of a turn
STRANGER = "The prompt was written by whoever made this link."

_ENDINGS = {
    "length": "reached its length",
    "stop": "met the stop text",
    "blocked": "ended before a word that is not shown here",
    "abort": "stopped",
    "time": f"ended after {DEADLINE_S / 60:.0f} minutes, the longest a reply may take",
    "error": "ended by a fault",
}


@dataclass(frozen=True)
class Start:
    """Where a reply goes on from.

    Attributes:
        memory: of what was read so far.
        unread: what is still to be read.
        cut: whether a turn of the model's was cut off.
        before: the commit that was served so far, if a newer one has taken the conversation over.
    """

    served: Served
    memory: Memory | None = None
    unread: str = ""
    cut: bool = False
    before: str = ""


@dataclass(eq=False)
class Turn:
    """What a visitor gave, and what the model made of it: one reply, or one that was continued.

    Attributes:
        start: where the conversation stood before it.
        parts: the reply's pieces, one for Send and one more for each Continue.
        stranger: whether somebody else wrote the prompt, who made a link.
        mark: whether a text is that of the link.
        earlier: what this turn was cut from, which Undo brings back.
        taken_over: whether the first parts are of an older commit, which this one has read.
    """

    number: int
    prompt: str
    start: Start
    parts: list[Sequence] = field(default_factory=list)
    stranger: bool = False
    mark: str = ""
    earlier: Turn | None = None
    taken_over: bool = False

    @property
    def served(self) -> Served:
        return self.start.served

    @property
    def to_read(self) -> str:
        """What the model reads: the prompt, in a chat as the texts that it knows have it."""
        start, chat = self.start, self.served.lm.chat
        if chat is None:
            return start.unread + self.prompt
        return start.unread + (chat.stop if start.cut else "") + chat.wrap(self.prompt)

    @property
    def reply(self) -> str:
        return "".join(part.text for part in self.parts)

    @property
    def text(self) -> str:
        """What the model has read and written in this turn."""
        return self.to_read + self.reply

    def reading(self) -> Reading:
        """This turn's text to be read again, from the memory before it, as it was when it was written."""
        served, memory = self.served, self.start.memory
        # A prompt of which nothing is known begins as after a line end, see the engine.
        given = self.text if self.taken_over else self.to_read
        blank = bool(served.lm.tokenizer.known(given).any())
        lm = served.reader(self.parts[-1].params) if self.parts else served.lm
        reading = Reading(lm, memory, blank=blank, arithmetic=served.engine.arithmetic)
        reading.become(self.text, self.holds)
        return reading

    @property
    def holds(self) -> list[tuple[int, Holds]]:
        """Which cells were held from which character on, as it was read."""
        return hand.as_read(self.parts, self.to_read, self.served.lm.tokenizer)

    def cut(self, number: int, keep: int, pick: str = "") -> Turn:
        """A turn of the first characters of this one's reply, to go on from there. Reads the turn again.

        Args:
            number: of the new turn.
            keep: how many characters.
            pick: a character that the model knows, to stand there instead of the last of them.
        """
        cut = replace(self, number=number, parts=[], mark="", earlier=self)
        end = len(self.to_read) + keep
        for part in self.parts:
            if keep > part.length:
                cut.parts.append(part)
                keep -= part.length
                continue
            whole = keep == part.length
            if whole and not pick:
                cut.parts.append(part)
            else:
                # The last character of a reply has not been read, so what it became is only to be exchanged.
                ready = part.memory if whole and part.finish_reason == "length" else None
                state = ready.state if ready else self.reading().state_after(end - 2)
                kept = pick or self.text[end - 1]
                memory = Memory(state, int(self.served.lm.tokenizer.encode(kept)[0]))
                cut.parts.append(part.cut(keep, memory, last=pick))
            break
        return cut

    def taken_over_by(self, start: Start, number: int) -> Turn:
        """The same turn for a newer commit, which has still to read it."""
        parts = [replace(part, memory=None, hold=()) for part in self.parts]  # what it reads is read with no hand on it
        return replace(self, number=number, start=start, parts=parts, mark="", earlier=self, taken_over=True)

    @property
    def whole(self) -> str:
        """What the model has read and written when the next turn begins."""
        chat = self.served.lm.chat
        return self.text + (chat.stop if chat and self.over else "")

    @property
    def over(self) -> bool:
        """Whether the model's turn in a chat has come to its end by itself."""
        return self.served.lm.chat is not None and self.parts[-1].finish_reason == "stop"

    @property
    def written(self) -> int:
        return sum(part.length for part in self.parts)

    @property
    def label(self) -> str:
        """How it begins, or where it leaves what it was cut from: enough to tell it from others."""
        reply = self.reply
        pairs = zip(reply, self.earlier.reply if self.earlier else "", strict=False)
        same = next((at for at, (mine, other) in enumerate(pairs) if mine != other), 0)
        return f"…{reply[same - 8 : same + 40]}" if same > 8 else f"{self.prompt[-40:]}{reply[:40]}"

    @property
    def end(self) -> Start:
        """Where the next turn goes on from. A prompt that was not read to its end is read by the next."""
        memories = [part.memory for part in self.parts if part.memory]
        if memories:
            return Start(self.served, memories[-1], cut=not self.over)
        return Start(self.served, self.start.memory, self.text, cut=True)

    def head(self) -> str:
        held = hand.held_from(self.parts)
        more = {**({"chat": True} if self.served.lm.chat else {}), **({} if held is None else {"held": held})}
        lines = line(turn=self.number, prompt=self.prompt, **more)
        unknown = self.parts[0].unknown if self.parts else []
        notices = [STRANGER] if self.stranger and self.prompt else []
        notices += [news(self)] if self.start.before else []
        if unknown:
            skipped = sum(each.times for each in unknown)
            rest = "" if skipped < len(self.start.unread + self.prompt) else ", and nothing of the prompt was left"
            notices.append(f"This model does not know {describe_unknown(unknown)}: skipped{rest}.")
        return lines + (say("notice", " ".join(notices)) if notices else "")

    def foot(self) -> str:
        """Seed, length, speed and why it ended, in plain words."""
        last = self.parts[-1]
        lines = say("fault", f"The model failed: {last.error}. What it had written stays.") if last.error else ""
        facts = [f"seed {last.params.seed}", f"{self.written:,} character{'s' if self.written != 1 else ''}"]
        if last.length > 1 and last.started:
            facts.append(f"{last.chars_per_sec:,.0f} a second")
        if self.served.blend:
            facts.append(f"{self.served.name}, {self.served.share_of(last.params):.0%} of it the second")
        if held := hand.said(hand.held_in(self.parts)):
            facts.append(f"a hand on {held}")
        lines += say("mark", self.mark) if self.mark else ""
        ending = "said what it had to say" if self.over else _ENDINGS[last.finish_reason or "abort"]
        back = ["Undo brings back what stood here before"] if self.earlier else []
        return lines + say("foot", " · ".join([*facts, ending, *back]))

    def lines(self) -> str:
        return self.head() + (line(text=self.reply) if self.reply else "") + self.foot()


class Conversation:
    """All turns of one visitor.

    Attributes:
        refusal: why the last thing asked for was not done.
        stream: the token of the last reply's stream.
        offer: the view of a link that may be followed, while there is nothing else.
        hand: the cells that are held in what is written next.
        following: the link that is being followed, and how many of its steps were begun.
        branches: all turns that there were; ``turns`` is one path through them.
    """

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.refusal = ""
        self.stream = ""
        self.offer = ""
        self.hand = hand.NO_HAND
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

    def next_turn(self, served: Served, prompt: str) -> Turn:
        """The turn that Send makes. Another model than the last one begins with an empty memory; a newer commit of the
        same model reads what was said first."""
        return Turn(self._count + 1, prompt, self._end(self.turns, served))

    def turn_again(self, served: Served) -> Turn:
        """The turn that Retry makes of the last one, from the memory before that.

        Raises:
            RefusalError: there is none.
        """
        last = self._last("retry")
        if last.served is not served:
            start = self._start_again(last) if last.served.now is served else Start(served)
            return Turn(self._count + 1, last.prompt, start)
        return Turn(self._count + 1, last.prompt, last.start)

    def turn_to_continue(self) -> Turn:
        """The last turn; if a newer commit is served since, as that one takes it over.

        Raises:
            RefusalError: there is none.
        """
        return self._as_served(self._last("continue"))

    def turn_without(self, at: int) -> Turn:
        """The last turn without the pieces of its reply from one on. Changes nothing yet."""
        last = self._last("write again")
        turn = self._as_served(last)
        kept = turn.parts[: at if turn is last else 0]  # a newer commit writes all of it
        return replace(turn, number=self._count + 1, parts=kept, mark="", earlier=last, taken_over=False)

    def cut(self, number: object, keep: object, pick: object = "") -> Turn:
        """The last turn, cut after some characters of its reply: see ``Turn.cut``. Changes nothing yet.

        Raises:
            RefusalError: it is not the last turn, or has no such character.
        """
        last = self._last("go back to")
        if number != last.number:
            raise RefusalError("", "Only the last reply can be gone back to: Undo takes away what came after it.")
        turn = self._as_served(last)
        if type(keep) is not int or not 1 <= keep <= turn.written - (not pick):
            raise RefusalError("", "There is no such character, or nothing after it: Continue goes on from the end.")
        if not isinstance(pick, str) or (pick and (len(pick) > 1 or not turn.served.lm.tokenizer.known(pick).all())):
            raise RefusalError("", "The model does not know this character.")
        cut = turn.cut(self._count + 1, keep, pick)
        if turn.served.engine.blocked.inside(cut.text):
            raise RefusalError("", "Cut there, it would end with a word that is not shown here.")
        cut.earlier = last
        return cut

    def add(self, turn: Turn, part: Sequence) -> None:
        """A turn's reply is being written: the turn is new, or continued."""
        self.refusal = self.offer = ""
        turn.parts.append(part)
        if turn not in self.turns:
            self.turns.append(turn)
            self._count = turn.number
            self._forget()
        self.branches.add(self.turns)

    def branch(self, turn: Turn, part: Sequence | None = None) -> None:
        """The last turn gives way to one that was made from it, of which more is being written."""
        last = self.turns.pop()
        if part is not None:
            turn.parts.append(part)
        self.refusal = ""
        self.turns.append(turn)
        self._count = turn.number
        kept = turn
        for _ in range(MAX_BRANCHES):
            kept = kept.earlier or kept
        kept.earlier = None
        self.branches.add(self.turns, instead_of=None if turn.earlier is last else last)

    def undo(self) -> None:
        """Takes the last turn away, and what it left in the model's memory; what gave way to it is back."""
        self.refusal, self.following = "", None
        if self.turns:
            last = self.turns.pop()
            self.branches.undone(last)
            if last.earlier:
                self.turns.append(last.earlier)

    def redo(self) -> None:
        """Brings back what Undo took away last."""
        self._show(self.branches.redo(), "There is nothing to redo.")

    def walk(self, number: object) -> None:
        """Shows another turn that there was, and those before it."""
        self._show(self.branches.path_to(number), "This turn is not kept any more.")

    def _show(self, path: list[Turn], refusal: str) -> None:
        self.refusal, self.following = "" if path else refusal, None
        self.turns = path or self.turns

    def clear(self) -> None:
        self.refusal, self.offer, self.following = "", "", None
        self.turns.clear()
        self.branches = Branches()
        self._forgotten = 0

    def view(self, hello: str = "") -> str:
        """All that the page shows, when nothing is being written."""
        if not self.turns:
            return (self.offer or hello) + self._refused() + self._held() + self._tree()
        turns = "".join(turn.lines() for turn in self.turns)
        return self._older() + turns + self._refused() + self._held() + self._tree()

    def begun(self, stream: str) -> str:
        """The view while the last turn is being written, which is told over a stream."""
        self.stream = stream
        *older, last = self.turns
        text = "".join(part.text for part in last.parts[:-1])
        lines = self._older() + "".join(turn.lines() for turn in older) + last.head()
        return lines + (line(text=text) if text else "") + self._held() + self._tree() + line(stream=stream)

    def _end(self, turns: list[Turn], served: Served) -> Start:
        if not turns or turns[-1].served.now is not served.now:
            return Start(served)
        last = turns[-1]
        if last.served is served:
            return last.end
        return Start(served, None, text_so_far(turns), cut=not last.over, before=last.served.commit)

    def _start_again(self, last: Turn) -> Start:
        """Where the last turn begins for the commit that is served now."""
        start, now = last.start, last.served.now
        if start.memory is not None:
            start = self._end(self.turns[:-1], now)
        return replace(start, served=now, before=last.served.commit)

    def _as_served(self, last: Turn) -> Turn:
        """The last turn as it is, or as the commit that is served now takes it over."""
        if last.served.now is last.served:
            return last
        return last.taken_over_by(self._start_again(last), self._count + 1)

    def _last(self, verb: str) -> Turn:
        if not self.turns:
            raise RefusalError("", f"There is nothing to {verb} yet: send a prompt first.")
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
        tree = self.branches.told(self.turns)
        return line(**tree) if tree else ""

    def _held(self) -> str:
        return line(held=self.hand.held, of=self.hand.model) if self.hand.held else ""

    def _refused(self) -> str:
        return line(refusal=self.refusal) if self.refusal else ""


def hello(served: Served) -> str:
    """The view of an empty conversation."""
    return line(hello=served.greeting, by=served.name, **({"chat": True} if served.lm.chat else {}))


def greet(view: str) -> str:
    """The view for a page on which nothing was said: one that has a turn by the time this arrives keeps its own."""
    return line(greet=True) + view


def say(kind: str, text: str) -> str:
    """A line of the view that says something about a turn."""
    return line(**{"say": text, "as": kind})


def line(**fields: object) -> str:
    """A line of the view."""
    # ASCII alone carries half of a surrogate pair through the JSON around it; a "<" would be taken for HTML on
    # the way, and searched for script tags at every update.
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c") + "\n"
