"""The path to a model of one's own: the same four commands in README and in docs/models.md, where
tests/e2e/rehearsal/test_own_model.py runs them."""

from __future__ import annotations

import re

from tests.docs.pages import PAGES, README, block


def test_the_readme_has_the_same_four_commands() -> None:
    commands = block(PAGES["docs/models.md"], "four-commands")
    assert commands in README
    assert [line.split()[:2] for line in re.findall(r"^scripts/.*$", commands, re.M)] == [
        ["scripts/run", "train"],
        ["scripts/run", "export"],
        ["scripts/run", "evaluate"],
        ["scripts/release", "data/mine"],
    ]
