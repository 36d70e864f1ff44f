"""What programs may rely on."""

import re
from pathlib import Path
from unittest.mock import MagicMock

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow  # imports Gradio
def test_what_programs_may_rely_on_is_documented():
    """The names of the package, the arguments of the API, and the variables that the app reads."""
    import char_lstm
    import model
    from app import parse_options
    from ui.routes.api import _generate_arguments
    from ui.site_config import SiteConfig

    docs = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("stable", "api", "serve")}
    (listed,) = re.findall(r"## Python\n(.*?)\n## ", docs["stable"], re.DOTALL)
    names = {name for row in re.findall(r"^\| (`.*?) \|", listed, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert names == {*model.__all__}
    assert all(getattr(char_lstm, name) is getattr(model, name) for name in names)
    in_api = {name for code in re.findall(r"`([^`\n]+)`", docs["api"]) for name in re.findall(r"\w+", code)}
    assert set(_generate_arguments("")) <= in_api
    environment = MagicMock()  # an empty one, which records what is read
    environment.get.side_effect = lambda _, default=None: default
    environment.__contains__.return_value = False
    parse_options([], environment)
    SiteConfig.of(environment)
    read = {call.args[0] for call in [*environment.get.mock_calls, *environment.__contains__.mock_calls]}
    assert len(read) > 10
    assert [name for name in read - {"SPACE_ID"} if f"`{name}`" not in docs["serve"]] == []
