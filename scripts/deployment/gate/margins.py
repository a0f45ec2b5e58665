"""How much worse than the live model a new one may be: the written margins, and the verdict.

A figure is worse when it lies beyond its margin, on the same pictures at the same time. That is
decided by the figures alone and not by a test of significance: with few pictures such a test would
let any model pass. The resampled interval beside it says how much of a change is chance of the
pictures: a figure within its margin whose interval reaches beyond it is "unsure", which is told
and refuses nothing. Whoever knows better says so with --allow-worse and a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["better", "as good", "unsure", "worse"]


@dataclass(frozen=True)
class Margin:
    """What a figure may lose. name: of the field in Figures, or of Row. worst_change: a difference,
    or a ratio where `is_ratio`; beyond it a figure is worse. least: what it must be besides, in the
    figure's unit, so that microseconds do not count. higher_is_better: of the figure."""

    name: str
    title: str
    worst_change: float
    higher_is_better: bool = True
    is_ratio: bool = False
    least: float = 0.0

    def judge(self, live: float, new: float, low: float | None, high: float | None) -> Verdict:
        """low, high: the interval of the change new - live; None where chance is no question."""
        if self.is_beyond(live, new):
            return "worse"
        sign = 1 if self.higher_is_better else -1
        if low is None or high is None:
            return "as good"
        worst, best = (low, high) if self.higher_is_better else (high, low)
        if sign * worst < sign * self.worst_change:
            return "unsure"
        return "better" if sign * worst > 0 and sign * best > 0 else "as good"

    def is_beyond(self, live: float, new: float) -> bool:
        """Whether the change is not within what is allowed; no number never is."""
        if self.is_ratio:
            return not new <= max(live * self.worst_change, live + self.least)
        change = round(new - live, 9)  # a change of exactly the margin is allowed
        if self.higher_is_better:
            return not change >= self.worst_change
        return not change <= self.worst_change


# AP50 is the figure to judge by: labels are drawn loosely, which costs AP more than models differ.
# Precision and recall trade off along the score threshold, so they may move by more than AP50.
# A count error of one point more is half an object in a picture of 50.
ACCURACY = (
    Margin("ap50", "AP50", -0.01),
    Margin("ap", "AP", -0.02),
    Margin("precision", "precision", -0.02),
    Margin("recall", "recall", -0.02),
    Margin("count_error", "count error", +0.01, higher_is_better=False),
)
# Medians taken in turns differ by up to a tenth between runs on a busy machine. A quarter more
# inference is a seventh more of a call, which decoding and scaling are part of.
LATENCY = Margin("inference_ms", "inference", 1.25, False, is_ratio=True, least=2.0)
SIZE = Margin("model_mb", "model.onnx", 2.0, False, is_ratio=True)  # of the cold start's load

MAX_CHANGE_OF_LIVE = 0.01  # between model.json and the same figures measured now, on any machine
