"""Class names as --classes takes them: a file with a name a line, or a list with commas."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.model.classes import find_alike, read_class_names
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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RBC", "rbc"),
        ("Cell", "cells"),
        ("box", "boxes"),
        ("Battery", "batteries"),
        ("milk bottle", "milk_bottle"),
        ("milk-bottle", "MilkBottle"),
        ("Fl\u00fcssigkeit", "Flu\u0308ssigkeit"),  # one letter, or a letter and its dots
    ],
)
def test_names_that_may_mean_one_class_are_alike(one: str, other: str) -> None:
    assert find_alike([one, "carton", other, one]) == [tuple(sorted((one, other)))]


def test_other_names_are_not_alike() -> None:
    names = ["carton", "can", "cane", "1", "11", "class 1", "class 2", "s", "-", "y", "bus", "buy"]
    assert find_alike(names) == []
