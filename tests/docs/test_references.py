"""What README.md and docs/ name exists: files, modules, tools, options, links and anchors."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES
from tests.support.paths import ROOT

ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
EVERY_PAGE = pytest.mark.parametrize("page", PAGES)
TOP = "clients|docs|events|handler|requirements|scripts|tests"
# name, environment and module of each tool, as scripts/run lists them
TOOLS = re.findall(
    r"^([\w-]+) +(\w+) +(scripts\.[\w.]+) ", (ROOT / "scripts" / "run").read_text(), re.M
)
MODULES = {name: module for name, _, module in TOOLS}
WITH_COMMANDS = {"scripts.monitor"}  # whose first argument names what it does


def commands(text: str) -> list[tuple[str, str]]:
    """The modules of the tools that a page runs, each with what stands behind its name; for a tool
    that scripts/run does not know, what it is called by."""
    text = text.replace("\\\n", " ")
    by_name = re.findall(r"scripts/run (?!NAME\b)([\w-]+)(.*?)(?:`|$)", text, re.M)
    by_module = re.findall(r"python -m (scripts\.[\w.]+\w)(.*?)(?:`|$)", text, re.M)
    named = [(MODULES.get(name, f"scripts/run {name}"), rest) for name, rest in by_name]
    return [*named, *by_module]


@functools.cache
def options(module: str, command: str = "") -> set[str]:
    """The options of a tool, or of one of its commands, by its help text: no tool imports its
    training environment for it."""
    ran = subprocess.run(
        [sys.executable, "-m", module, *([command] if command else []), "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return set(re.findall(r"(--[\w-]+)", ran.stdout))


@pytest.mark.parametrize("text", [*PAGES.values(), ARCHITECTURE], ids=[*PAGES, "ARCHITECTURE.md"])
def test_files_and_modules_that_are_named_exist(text: str) -> None:
    for name in re.findall(rf"(?<![\w./:-])((?:{TOP})/[\w/.-]*\w)", text):
        assert (ROOT / name).exists(), name
    for module in [*re.findall(r"-m (scripts\.[\w.]+\w)", text), *MODULES.values()]:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


@EVERY_PAGE
def test_tools_and_options_that_are_shown_exist(page: str) -> None:
    for module, rest in commands(PAGES[page]):
        assert not module.startswith("scripts/run "), module
        command = re.match(r" +([a-z]+)\b", rest) if module in WITH_COMMANDS else None
        for option in re.findall(r"(?<![\w-])(--[a-z][\w-]*)", rest):
            known = options(module, command[1] if command else "")
            assert option in known, f"{module}{rest}: {option}"


@EVERY_PAGE
def test_commands_name_no_interpreter(page: str) -> None:
    assert not re.findall(r"\.venv(?:-train)?/bin/python", PAGES[page])


@EVERY_PAGE
def test_links_resolve(page: str) -> None:
    text = prose(PAGES[page])
    for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r' src="([^"]+)"', text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path), target


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(path.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def prose(text: str) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
