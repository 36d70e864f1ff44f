"""Signatures say what they take and return: no dictionary of anything, no arguments past the type checker."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.unit.project.sources import ROOT, modules, parsed, public_definitions, shown

# Files that still have some; a file may leave a list, and none may be added.
WITH_UNTYPED_DICTIONARIES = {
    "ui/conversation/branches.py",
    "ui/conversation/counterfactual.py",
    "ui/json_body.py",
    "ui/routes/lenses/step_lens.py",
    "ui/settings.py",
}
WITH_UNTYPED_ARGUMENTS = {
    "ui/page/launch.py",
    "ui/page/second_view.py",
    "ui/page/view.py",
    "ui/routes/endpoints.py",
}
WITHOUT_DOCSTRINGS = {
    "ui/conversation/branches.py",
    "ui/conversation/conversation.py",
    "ui/conversation/links.py",
    "ui/conversation/side_by_side.py",
    "ui/conversation/turn.py",
    "ui/page/page.py",
    "ui/page/second_view.py",
}
MODULES = [ROOT / "app.py", *modules("model", "training", "ui", "deploy")]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_no_untyped_dictionary_crosses_the_border_of_a_module(path: Path) -> None:
    found = []
    for function in public_definitions(parsed(path)):
        if isinstance(function, Function):
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            annotations = [argument.annotation for argument in arguments] + [function.returns]
            written = [ast.unparse(annotation) for annotation in annotations if annotation]
            found += [function.name] if any("dict[str, Any]" in each for each in written) else []
    assert not found or shown(path) in WITH_UNTYPED_DICTIONARIES, found


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_no_function_takes_any_keyword_of_any_type(path: Path) -> None:
    found = []
    for function in ast.walk(parsed(path)):
        if isinstance(function, Function) and function.args.kwarg and function.args.kwarg.annotation:
            found += [function.name] if ast.unparse(function.args.kwarg.annotation) == "Any" else []
    assert not found or shown(path) in WITH_UNTYPED_ARGUMENTS, found


@pytest.mark.parametrize("path", [path for path in MODULES if path.stem != "__main__"], ids=shown)
def test_what_other_modules_use_has_a_docstring(path: Path) -> None:
    module = parsed(path)
    found = [node.name for node in public_definitions(module) if not ast.get_docstring(node)]
    assert ast.get_docstring(module)
    assert not found or shown(path) in WITHOUT_DOCSTRINGS, found
