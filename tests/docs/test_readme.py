"""README.md is short, says early how to deploy, and links every page."""

from __future__ import annotations

from tests.docs.pages import README
from tests.support.paths import ROOT


def test_the_readme_is_short_and_deploy_comes_early() -> None:
    lines = README.splitlines()
    assert len(lines) <= 130
    assert lines.index("## Deploy") < 60


def test_every_page_is_linked() -> None:
    for path in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{path.name})" in README, path.name
