"""Signatures say what they take and return: no dictionary of anything, no arguments past the type checker."""

from __future__ import annotations

import ast

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


def test_no_untyped_dictionary_crosses_the_border_of_a_module() -> None:
    found = set()
    for path in MODULES:
        for function in public_definitions(parsed(path)):
            if isinstance(function, Function):
                arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
                annotations = [argument.annotation for argument in arguments] + [function.returns]
                if any("dict[str, Any]" in ast.unparse(each) for each in annotations if each):
                    found.add((shown(path), function.name))
    assert {each for each in found if each[0] not in WITH_UNTYPED_DICTIONARIES} == set()


def test_no_function_takes_any_keyword_of_any_type() -> None:
    found = {
        (shown(path), function.name)
        for path in MODULES
        for function in ast.walk(parsed(path))
        if isinstance(function, Function) and function.args.kwarg and function.args.kwarg.annotation
        if ast.unparse(function.args.kwarg.annotation) == "Any"
    }
    assert {each for each in found if each[0] not in WITH_UNTYPED_ARGUMENTS} == set()


def test_what_other_modules_use_has_a_docstring() -> None:
    found = set()
    for path in MODULES:
        if path.stem != "__main__":
            # A method may inherit the docstring of its base class.
            classes = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef) and node.bases]
            inherits = {id(method) for each in classes for method in each.body}
            public = [node for node in public_definitions(parsed(path)) if id(node) not in inherits]
            definitions = [node.name for node in public if not ast.get_docstring(node)]
            found |= {(shown(path), name) for name in definitions if shown(path) not in WITHOUT_DOCSTRINGS}
            found |= {(shown(path), "module")} if not ast.get_docstring(parsed(path)) else set()
    assert found == set()
