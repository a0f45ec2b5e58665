"""The table of a comparison."""

from scripts.model.tradeoff.table import label_bundles
from tests.scripts.model.tradeoff.rows import make_row


def test_folders_of_one_name_are_told_apart() -> None:
    rows = [make_row("a/int8", 1, 0.5), make_row("b/int8", 2, 0.5), make_row("c/float", 2, 0.5)]
    assert label_bundles(rows) == ["a/int8", "b/int8", "float"]
