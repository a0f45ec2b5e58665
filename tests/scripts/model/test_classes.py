"""Class names as --classes takes them: a file with a name a line, or a list with commas."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.model.classes import read_class_names
from scripts.tool import ToolError


def test_names_come_from_a_list_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\ufeffant\n bee \n\n", encoding="utf-8")
    assert read_class_names(str(path)) == ("ant", "bee")
    assert read_class_names("ant, bee") == ("ant", "bee")
    assert read_class_names("ant") == ("ant",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ant,,bee", "has an empty name"),
        (",", "has no name"),
        ("gone.txt", "gone.txt is no file"),
    ],
)
def test_bad_names_are_refused(text: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        read_class_names(text)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes(b"\xff\xfe\xe9")
    with pytest.raises(ToolError, match="cannot be read as UTF-8"):
        read_class_names(str(path))
