"""Text that is safe to publish: escaped for Markdown, without access tokens, passwords and local paths.

A name or a sample must not be interpreted as Markdown or HTML: samples stay inside their fence, values on their line.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import jinja2
from huggingface_hub import constants, get_token

from model.terminal import markdown_text

from ..corpus.sources import absolute_source, without_secrets

USE = "## Use it"  # heading of the section that links to the model's page; published cards have it

# --- Markdown


def code_block(text: str, language: str) -> str:
    """Returns `text` as a fenced block; its fence is longer than any run of backticks inside."""
    text = markdown_text(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def line(value: object, limit: int = 200) -> str:
    """Returns a text or a number as one line of at most `limit` characters; "" for a value of another type."""
    return " ".join(markdown_text(str(value)).split())[:limit].rstrip() if isinstance(value, (str, int, float)) else ""


def markdown(text: str) -> str:
    """Returns one line of plain text with all characters escaped that Markdown or HTML would interpret."""
    return re.sub(r"([\\`*\[\]<>|~$&]|(?<!\w)_|_(?!\w))", r"\\\1", text)


def code(text: str) -> str:
    """Returns one line as inline code, which may also be used in a table."""
    return "`" + line(text).replace("`", "'").replace("|", "¦") + "`"


@cache
def _environment() -> jinja2.Environment:
    """Returns what compiles each template once; its filters escape what Markdown would interpret."""
    environment = jinja2.Environment(  # noqa: S701  Markdown is escaped by the filters
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": code, "code_block": code_block, "markdown": markdown}
    environment.filters |= {"commas": "{:,.0f}".format, "repr": repr}
    return environment


def render(template: str, **values: object) -> str:
    """Returns the text of a template, one of the files *.jinja beside this module, with these values."""
    return _environment().get_template(template).render(values)


# --- the link from a card to the Space that serves the model

_PAGE_LINK = re.compile(r"(?m)^\[Watch it write\]\(https?://[^\s()]+?/spaces/([\w.-]+/[\w.-]+)\) in the browser\.$")


def page_link(space: str) -> str:
    """Returns the Markdown link to a Space, on the Hub that is configured; cards are searched for such a line."""
    return f"[Watch it write]({constants.ENDPOINT}/spaces/{space}) in the browser."


def is_model_card(text: str) -> bool:
    """Returns whether a README.md is a model card of this project that was not rewritten by hand."""
    return f"\n{USE}\n" in text and "\nlibrary_name: char-lstm\n" in text


def linked_page(card: str) -> str | None:
    """Returns the Space that a card links to, or None."""
    found = _PAGE_LINK.search(card)
    return found[1] if found else None


def with_page_link(card: str, space: str) -> str:
    """Returns the card with a link to this Space: replaced, or added below the heading `USE`.

    A card without that heading was rewritten by hand, and stays as it is.
    """
    link = page_link(space)
    changed, count = _PAGE_LINK.subn(link, card, count=1)
    return changed if count else card.replace(f"\n{USE}\n\n", f"\n{USE}\n\n{link}\n\n", 1)


# --- secrets

_TOKEN = re.compile(r"\bhf_(?:(?:oauth|jwt|app)_[A-Za-z0-9._-]+|[A-Za-z0-9]{6,})|(?<=Bearer )[A-Za-z0-9._~+/-]{16,}")


def redact(text: str) -> str:
    """Returns a text with everything that looks like a token of the Hub, and the user's own, replaced by `hf_***`."""
    if (token := get_token()) and len(token) > 3:
        text = text.replace(token, "hf_***")
    return _TOKEN.sub("hf_***", text)


def public_source(text: str) -> str:
    """Returns one source as it may be published: the base name of a file, or an address without secrets."""
    if "://" in text:
        return without_secrets(text)
    return Path(absolute_source(text)).name.encode("utf-8", "replace").decode() or "text"
