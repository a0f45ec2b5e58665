"""Two detectors compared."""

from scripts.model.quantize.measure import SpeedComparison


def test_faster_wants_most_rounds() -> None:
    assert SpeedComparison(10, 9, 40, 30).faster
    assert not SpeedComparison(10, 9, 40, 29).faster
    assert not SpeedComparison(10, 10, 40, 40).faster
