"""The folders of the unit and integration tests mirror the packages, so that the tests of a module are easy to find."""

from __future__ import annotations

from tests.unit.project.sources import ROOT, shown

OTHER = {"project", "web", "local_hub"}  # rules of the project, the browser's side, the tests' own Hub
FOLDERS = sorted(
    {path.parent for kind in ("unit", "integration") for path in (ROOT / "tests" / kind).rglob("test_*.py")}
)


def test_a_folder_of_tests_has_the_name_of_a_package() -> None:
    for folder in FOLDERS:
        package = folder.relative_to(ROOT / "tests").parts[1:]
        assert set(package[:1]) <= OTHER or ROOT.joinpath(*package, "__init__.py").is_file(), shown(folder)
