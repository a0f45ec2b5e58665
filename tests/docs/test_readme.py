"""README.md is short, and says early how to deploy; ARCHITECTURE.md names every module."""

from __future__ import annotations

from tests.docs.pages import README
from tests.support.paths import ROOT

ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()


def test_the_readme_is_short_and_deploy_comes_early() -> None:
    lines = README.splitlines()
    assert len(lines) <= 130
    assert lines.index("## Deploy") < 60


def test_every_page_is_linked() -> None:
    for path in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{path.name})" in README, path.name


def test_every_module_of_the_handler_is_in_the_architecture() -> None:
    for path in (ROOT / "handler").rglob("*.py"):
        if path.name != "__init__.py":
            assert f"`{path.relative_to(ROOT / 'handler').as_posix()}`" in ARCHITECTURE, path.name
