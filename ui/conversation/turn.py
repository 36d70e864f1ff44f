"""A turn of a conversation: a prompt, the reply in its parts, and the memory before and after.

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
    """Where a reply starts.

    Attributes:
        memory: the model's memory of the text so far; None is empty.
        unread: text that the model has still to read.
        cut: whether the model's last turn in a chat was cut off.
        before: the older commit, if a newer one has taken the conversation over; otherwise "".
    """

    served: LoadedModel
    memory: Memory | None = None
    unread: str = ""
    cut: bool = False
    before: str = ""


@dataclass(eq=False)
class Turn:
    """A prompt and its reply, which may have been continued.

    Attributes:
        start: the memory and the unread text before it.
        parts: the parts of the reply, one for Send and one more for each Continue.
        stranger: whether the prompt comes from a shared link.
        mark: messages that say whether the text is that of the link.
        earlier: the turn that this one replaced, which Undo restores.
        taken_over: whether an older commit wrote the first parts, and this one has read them.
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
        """The text that the model reads before it replies: the prompt, in a chat with its prefix and suffix."""
        start, chat = self.start, self.served.lm.chat
        if chat is None:
            return start.unread + self.prompt
        return start.unread + (chat.stop if start.cut else "") + chat.wrap(self.prompt)

    @property
    def reply(self) -> str:
        return "".join(part.text for part in self.parts)

    @property
    def text(self) -> str:
        """The text that the model has read and written in this turn."""
        return self.to_read + self.reply

    def reading(self) -> TextTrace:
        """A trace of this turn's text, read again from the memory before it, with the clamps of its parts."""
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
        """The clamps of each stretch of the text, as ``TextTrace.set_text`` takes them."""
        return clamps_as_read(self.parts, self.to_read, self.served.lm.tokenizer)

    def cut(self, number: int, keep: int, pick: str = "") -> Turn:
        """A turn with the first characters of this one's reply, to be continued. Reads the turn again.

        Args:
            number: the number of the new turn.
            keep: the number of characters.
            pick: a character of the vocabulary that replaces the last of them; "" keeps it.
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
        """The same turn for a newer commit, which has not read it yet."""
        parts = [replace(part, memory=None, clamps=()) for part in self.parts]
        return replace(self, number=number, start=start, parts=parts, mark=(), earlier=self, taken_over=True)

    @property
    def whole(self) -> str:
        """The text of this turn as the next turn's memory has it: in a chat with the stop text."""
        chat = self.served.lm.chat
        return self.text + (chat.stop if chat and self.over else "")

    @property
    def over(self) -> bool:
        """Whether the model has ended its turn in a chat by itself."""
        return self.served.lm.chat is not None and self.parts[-1].finish_reason == "stop"

    @property
    def written(self) -> int:
        return sum(part.length for part in self.parts)

    @property
    def label(self) -> str:
        """A short text that distinguishes it: its beginning, or the first difference from the turn it replaced."""
        reply = self.reply
        pairs = zip(reply, self.earlier.reply if self.earlier else "", strict=False)
        same = next((at for at, (mine, other) in enumerate(pairs) if mine != other), 0)
        return f"…{reply[same - 8 : same + 40]}" if same > 8 else f"{self.prompt[-40:]}{reply[:40]}"

    @property
    def end(self) -> Start:
        """Where the next turn starts. A prompt that was not read to its end is read with the next one."""
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
        """The lines that end a turn: a fault, whether the text is the shared one, and the reply footer."""
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
