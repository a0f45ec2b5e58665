"""Which readings are tried, and when the search ends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scripts.model.adapt.check import search
from scripts.model.adapt.check.search import try_readings
from scripts.model.adapt.check.trial import VariantTrial
from scripts.model.adapt.check.variants import ReadingVariant
from scripts.model.adapt.options import AdaptOptions
from scripts.model.adapt.recognition.recognise import Recognition
from tests.scripts.model.adapt.check.trials import IMAGE, READING, picture


class ScoringRunner:
    """Finds three boxes with the score that a table has for the end of a reading's title."""

    labels = None
    foreign = SimpleNamespace(image=IMAGE)

    def __init__(self, scores: dict[str, float]) -> None:
        self.scores = scores

    def run(self, variant: ReadingVariant) -> VariantTrial:
        title = variant.title.removeprefix("boxes-scores, ")
        score = self.scores.get(title, 0.0)
        found = picture([score] * 3 if score else [])
        return VariantTrial(variant, (found,), ("ant",), 300)


def tried(scores: dict[str, float], **given: Any) -> tuple[list[str], bool]:
    runner: Any = ScoringRunner(scores)
    trials, is_cut_short = try_readings(runner, Recognition(READING), AdaptOptions(**given))
    titles = [trial.variant.title.removeprefix("boxes-scores, ") for trial in trials]
    return titles, is_cut_short


def test_the_default_comes_first_and_nothing_twice() -> None:
    titles, is_cut_short = tried({"RGB, 0..1, stretched": 0.9})
    assert titles[0] == "RGB, 0..1, stretched"
    assert len(titles) == len(set(titles)) == 12 and not is_cut_short


def test_placings_are_tried_with_the_best_pixels() -> None:
    titles, _ = tried({"BGR, 0..255, stretched": 0.9})
    assert "BGR, 0..255, centred" in titles and "RGB, 0..1, centred" not in titles


def test_each_difference_of_the_best_is_tried_without_the_others() -> None:
    """BGR is the best of stretched ones by chance; centred, the default's RGB must be tried too."""
    titles, _ = tried(
        {"RGB, 0..1, stretched": 0.4, "BGR, 0..1, stretched": 0.5, "BGR, 0..1, centred": 0.9}
    )
    assert "RGB, 0..1, centred" in titles


def test_the_search_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    runner: Any = ScoringRunner({})
    trials, is_cut_short = try_readings(runner, Recognition(READING), AdaptOptions(), 0.0)
    assert len(trials) == 1 and is_cut_short
    monkeypatch.setattr(search, "MAX_VARIANTS", 5)
    assert len(tried({})[0]) == 5
