"""Fills in the templates of this package: the files *.jinja beside this module."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from .public_text import code, code_block, markdown


def render(template: str, **values: object) -> str:
    """Returns the text of a template with these values."""
    return _environment().get_template(template).render(values)


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
