"""The learning rates that a training takes by itself are those that the documentation says."""

from __future__ import annotations

import re

import pytest

from scripts.model.train.options import RATES
from tests.support.paths import ROOT


@pytest.mark.parametrize("family", RATES)
def test_the_page_says_each_familys_learning_rates(family: str) -> None:
    page = (ROOT / "docs" / "models.md").read_text()
    row = re.search(rf"^\| `{re.escape(family)}` \|.*\| ([\d.]+), ([\d.]+) \|$", page, re.MULTILINE)
    assert row, "the table of families lacks it"
    assert (float(row[1]), float(row[2])) == RATES[family]
