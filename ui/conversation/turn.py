"""A turn of a conversation: what a visitor gave, what the model made of it, and what it remembered before and after.

Pure logic: it starts no engine and knows no Gradio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from model import Memory, TextTrace
from model import Sequence as Part
from model.clamps import Clamps
from model.tokenizer import UnknownCharacter, name_character

from ..messages import Message
from ..protocol import line, say
from ..registry.loaded_model import LoadedModel
from ..settings import DEADLINE_S
from .clamps import clamp_facts, clamps_as_read, clamps_in, first_clamped


@dataclass(frozen=True)
class Start:
    """Where a reply goes on from.

    Attributes:
        memory: of what was read so far.
        unread: what is still to be read.
        cut: whether a turn of the model's was cut off.
        before: the commit that was served so far, if a newer one has taken the conversation over.
    """

    served: LoadedModel
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
    parts: list[Part] = field(default_factory=list)
    stranger: bool = False
    mark: Sequence[Message] = ()
    earlier: Turn | None = None
    taken_over: bool = False

    @property
    def served(self) -> LoadedModel:
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

    def reading(self) -> TextTrace:
        """This turn's text to be read again, from the memory before it, as it was when it was written."""
        served, memory = self.served, self.start.memory
        # A prompt of which nothing is known begins as after a line end, see the engine.
        given = self.text if self.taken_over else self.to_read
        blank = bool(served.lm.tokenizer.in_vocab(given).any())
        lm = served.lm.with_share(self.parts[-1].params.share) if self.parts else served.lm
        reading = TextTrace(lm, memory, skip_start=blank, precision=served.engine.precision)
        reading.set_text(self.text, self.clamps)
        return reading

    @property
    def clamps(self) -> list[tuple[int, Clamps]]:
        """Which cells were held from which character on, as it was read."""
        return clamps_as_read(self.parts, self.to_read, self.served.lm.tokenizer)

    def cut(self, number: int, keep: int, pick: str = "") -> Turn:
        """A turn of the first characters of this one's reply, to go on from there. Reads the turn again.

        Args:
            number: of the new turn.
            keep: how many characters.
            pick: a character that the model knows, to stand there instead of the last of them.
        """
        cut = replace(self, number=number, parts=[], mark=(), earlier=self)
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
                cut.parts.append(part.truncated(keep, memory, last=pick))
            break
        return cut

    def taken_over_by(self, start: Start, number: int) -> Turn:
        """The same turn for a newer commit, which has still to read it."""
        parts = [replace(part, memory=None, clamps=()) for part in self.parts]
        return replace(self, number=number, start=start, parts=parts, mark=(), earlier=self, taken_over=True)

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
        held = first_clamped(self.parts)
        more = {**({"chat": True} if self.served.lm.chat else {}), **({} if held is None else {"held": held})}
        lines = line(turn=self.number, prompt=self.prompt, **more)
        unknown = self.parts[0].unknown if self.parts else []
        notices = [Message("notice.shared_prompt")] if self.stranger and self.prompt else []
        if self.start.before:
            id = "notice.newer_commit_read" if self.start.unread or self.taken_over else "notice.newer_commit"
            notices.append(Message(id, commit=self.served.commit[:7], before=self.start.before[:7]))
        if unknown:
            skipped = sum(each.times for each in unknown)
            id = "notice.unknown" if skipped < len(self.start.unread + self.prompt) else "notice.unknown_all"
            notices.append(Message(id, characters=_unknown_names(unknown)))
        return lines + (say("notice", notices) if notices else "")

    def foot(self) -> str:
        """Seed, length, speed and why it ended, in plain words."""
        last = self.parts[-1]
        lines = say("fault", [Message("fault.model", error=last.error)]) if last.error else ""
        facts = [Message("fact.seed", seed=last.params.seed), Message("fact.characters", count=self.written)]
        if last.length > 1 and last.started_at:
            facts.append(Message("fact.speed", rate=round(last.measured_chars_per_second)))
        if self.served.is_blend:
            share = f"{self.served.share_of(last.params):.0%}"
            facts.append(Message("fact.blend", models=self.served.name, share=share))
        facts += clamp_facts(clamps_in(self.parts))
        facts.append(self._ending())
        facts += [Message("fact.undo")] if self.earlier else []
        return lines + (say("mark", self.mark) if self.mark else "") + say("foot", facts)

    def _ending(self) -> Message:
        reason = "finished" if self.over else self.parts[-1].finish_reason or "abort"
        values = {"minutes": round(DEADLINE_S / 60)} if reason == "time" else {}
        return Message(f"ending.{reason}", **values)

    def lines(self) -> str:
        return self.head() + (line(text=self.reply) if self.reply else "") + self.foot()


def _unknown_names(unknown: Sequence[UnknownCharacter], most: int = 8) -> list[str | Message]:
    """The characters that a model does not know, named, and how often each of them occurs."""
    names: list[str | Message] = []
    for character, _, times in unknown[:most]:
        name = name_character(character)
        names.append(name if times == 1 else Message("unknown.times", character=name, count=times))
    return names + ([Message("unknown.more", count=len(unknown) - most)] if len(unknown) > most else [])
