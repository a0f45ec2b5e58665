"""Stands for the clock, which a shared machine does not keep."""

from collections.abc import Callable

from scripts.model.quantize.measure import SpeedComparison


def always(*, faster: bool) -> Callable[..., SpeedComparison]:
    """In place of compare_speed: the same comparison whatever is timed."""
    comparison = SpeedComparison(10.0, 5.0, 4, 4) if faster else SpeedComparison(10.0, 11.0, 4, 0)
    return lambda *_: comparison
