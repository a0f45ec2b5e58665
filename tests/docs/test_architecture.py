"""ARCHITECTURE.md names every room, and in its room's row every module of the handler."""

from __future__ import annotations

import re

import pytest

from tests.support.paths import ROOT

ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
HANDLER, SCRIPTS = ROOT / "handler", ROOT / "scripts"


def rows(heading: str) -> dict[str, str]:
    """A section's table: the room named first in each row, and the row."""
    section = ARCHITECTURE.split(f"\n## {heading}")[1].split("\n## ")[0]
    return {room: row for row in section.splitlines() for room in re.findall(r"^\| `([^`]+)`", row)}


@pytest.mark.parametrize(
    "path", sorted(HANDLER.rglob("*.py")), ids=lambda path: path.relative_to(HANDLER).as_posix()
)
def test_a_module_of_the_handler_is_in_its_rooms_row(path) -> None:
    room, _, name = path.relative_to(HANDLER).as_posix().partition("/")
    if name.endswith("__init__.py") or room == "__init__.py":
        return
    row = rows("handler/")[f"{room}/" if name else room]
    assert not name or f"`{path.stem}`" in row


def test_every_room_of_the_scripts_is_there() -> None:
    ours = {path.name for path in SCRIPTS.iterdir() if path.is_dir() and path.name[0] != "_"}
    text = ARCHITECTURE.split("\n## scripts/")[1].split("\n## ")[0]
    assert {f"`{name}/`" for name in ours} <= set(re.findall(r"`[\w./-]+`", text))
    for path in (SCRIPTS / "model").iterdir():
        if path.name[0] != "_":
            is_tool = (path / "__main__.py").exists()
            name = f"{path.name}/" if path.is_dir() and not is_tool else path.stem
            assert f"`{name}`" in text, name


def test_paths_that_are_named_exist() -> None:
    for name in re.findall(
        r"`((?:handler|scripts|tests|clients|docs)/[\w/.-]*\w/?)`", ARCHITECTURE
    ):
        assert (ROOT / name).exists(), name
