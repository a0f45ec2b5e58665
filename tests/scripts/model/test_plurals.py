"""A noun counted in a sentence."""

from __future__ import annotations

import pytest

from scripts.model.plurals import counted


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (1, "name", "1 name"),
        (2, "name", "2 names"),
        (0, "class", "0 classes"),
        (1, "class", "1 class"),
        (3, "box", "3 boxes"),
        (80, "channel", "80 channels"),
    ],
)
def test_one_is_singular(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text
