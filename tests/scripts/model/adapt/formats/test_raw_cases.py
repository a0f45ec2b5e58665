"""Each head before decoding is recognised alone: no other reading stands beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.model.adapt.loading.foreign_model import load_foreign_model
from scripts.model.adapt.recognition.recognise import recognise_format
from tests.scripts.model.adapt.cases.raw_cases import RAW_CASES
from tests.scripts.model.adapt.foreign_graphs import save

# Their priors are as many, and the sizes of them are nowhere in the file.
ALIKE = {"retinaface": {"face-detector-1mb"}}


@pytest.mark.parametrize("name", RAW_CASES)
def test_no_other_reading_fits(name: str, tmp_path: Path) -> None:
    make_case, options = RAW_CASES[name]
    foreign = load_foreign_model(save(make_case().model, tmp_path))
    recognition = recognise_format(foreign, options.get("format"))
    assert recognition.reading.format == name
    assert {rival.format for rival in recognition.rivals} == ALIKE.get(name, set())
    assert recognition.reading.outputs | set(recognition.reading.ignored_outputs) == {
        output.name for output in foreign.outputs
    }
