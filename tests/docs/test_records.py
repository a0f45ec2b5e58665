"""docs/records.md lists the fields of a prediction record."""

from __future__ import annotations

import dataclasses
import re

from handler.records.record import SCHEMA, PredictionRecord
from tests.docs.pages import PAGES

PAGE = PAGES["docs/records.md"]


def test_fields_are_those_of_a_record() -> None:
    section = PAGE.split("## The prediction log\n")[1].split("\n## ")[0]
    firsts = re.findall(r"^\| (`.*?`) \|", section, re.M)
    named = [name for first in firsts for name in re.findall(r"`(\w+)`", first)]
    assert sorted(named) == sorted(field.name for field in dataclasses.fields(PredictionRecord))
    assert f"`{SCHEMA}`" in section
