"""What may stand in a model card. Two things must hold whatever a text, a file's name or a sample contains.

Nothing breaks out of its place (samples stay in their fence, values in their line), and no path of this machine
gets into a card.
"""

from __future__ import annotations

import re

from model.terminal import markdown_text

USE = "## Use it"  # the part of a card that tells how


def fenced(text: str, language: str) -> str:
    """`text` as a fenced block that nothing inside can end: the fence is longer than any run of backticks in it."""
    text = markdown_text(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def page_link(space: str) -> str:
    """What leads from a card to the page on the Hub."""
    return f"[Watch it write](https://huggingface.co/spaces/{space}) in the browser."


_PAGE_LINK = re.compile("(?m)^" + re.escape(page_link("@")).replace("@", r"([\w.-]+/[\w.-]+)") + "$")


def page_of(card: str) -> str | None:
    """The Space that a card leads to, if it does."""
    found = _PAGE_LINK.search(card)
    return found[1] if found else None


def leading_to(card: str, space: str) -> str:
    """A card that leads to this page: its link is set, or put where the card tells how to use the model.

    A card that somebody has written anew, without such a place, stays as it is.
    """
    link = page_link(space)
    changed, count = _PAGE_LINK.subn(link, card, count=1)
    return changed if count else card.replace(f"\n{USE}\n\n", f"\n{USE}\n\n{link}\n\n", 1)


def line(value: object) -> str:
    """A noted value as one line of at most 200 visible characters; "" when it is not text or a number."""
    return " ".join(markdown_text(str(value)).split())[:200] if isinstance(value, (str, int, float)) else ""


def markdown(text: str) -> str:
    """One line of plain text, with everything escaped that Markdown or HTML would take for its own."""
    return re.sub(r"([\\`*\[\]<>|~$&]|(?<!\w)_|_(?!\w))", r"\\\1", text)


def code(text: str) -> str:
    """One line as inline code, also inside a table."""
    return "`" + line(text).replace("`", "'").replace("|", "¦") + "`"
