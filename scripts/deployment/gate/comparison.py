"""The outcome of the gate: live and new model side by side, as values, as text and for a record."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from typing import Any

from handler.bundle.manifest import Evaluation
from scripts.deployment.gate.margins import Margin, Verdict


@dataclass(frozen=True)
class ModelId:
    """Which model: its name, its own version, and the sha256 of its model.onnx."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.sha256[:12]})"


@dataclass(frozen=True)
class Row:
    """One figure of both. low, high: the resampled interval of new - live, where there is one."""

    margin: Margin
    live: float
    new: float
    verdict: Verdict
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ComparedSet:
    """Both models' figures on one set of labelled pictures. folder: in words for a command."""

    dataset: str
    folder: str
    pictures: int
    objects: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Comparison:
    """Both models, measured now on one machine.

    cost: latency and size. notes: sentences, such as which set was not at hand.
    classes_changed: a sentence, None where both have the same classes in one order.
    """

    live: ModelId
    new: ModelId
    sets: tuple[ComparedSet, ...]
    cost: tuple[Row, ...]
    classes_changed: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def worse(self) -> tuple[str, ...]:
        """What is worse by more than its margin, in words."""
        figures = [
            f"{row.margin.title} on {each.dataset}"
            for each in self.sets
            for row in each.rows
            if row.verdict == "worse"
        ]
        return (*figures, *(row.margin.title for row in self.cost if row.verdict == "worse"))

    def evaluations(self, bundle: str) -> tuple[Evaluation, ...]:
        """The new model's figures on these sets as model.json has them: the sets stay those that
        the next model is compared on. bundle: its folder, for the command that measures again."""
        return tuple(
            Evaluation(
                dataset=each.dataset,
                pictures=each.pictures,
                command=f"python -m scripts.model.evaluate {shlex.join([bundle, each.folder])}",
                onnx_sha256=self.new.sha256,
                **{row.margin.name: round(row.new, 4) for row in each.rows},
            )
            for each in self.sets
        )

    @property
    def unsure(self) -> bool:
        """Whether a figure may be worse on other pictures of the kind."""
        return any(row.verdict == "unsure" for each in self.sets for row in each.rows)

    def to_dict(self) -> dict[str, Any]:
        """Of plain JSON values, as a release record keeps it."""
        return {
            "live": dataclasses.asdict(self.live),
            "new": dataclasses.asdict(self.new),
            "sets": [
                {
                    "dataset": each.dataset,
                    "pictures": each.pictures,
                    "objects": each.objects,
                    "figures": {row.margin.name: _plain(row) for row in each.rows},
                }
                for each in self.sets
            ],
            "cost": {row.margin.name: _plain(row) for row in self.cost},
            "classes_changed": self.classes_changed,
            "worse": list(self.worse),
            "notes": list(self.notes),
        }


def _plain(row: Row) -> dict[str, Any]:
    interval = None if row.low is None or row.high is None else [row.low, row.high]
    rounded = [round(value, 4) + 0.0 for value in interval] if interval else None  # no -0.0
    return {
        "live": round(row.live, 4),
        "new": round(row.new, 4),
        "interval": rounded,
        "allowed": row.margin.worst_change,
        "verdict": row.verdict,
    }


def format_comparison(comparison: Comparison) -> str:
    """The table: a line a figure, live against new, with what is allowed and the verdict."""
    lines = []
    for each in comparison.sets:
        pictures = "1 picture" if each.pictures == 1 else f"{each.pictures} pictures"
        lines.append(_header(f"{each.dataset}: {pictures}, {each.objects} objects"))
        lines += [_line(row) for row in each.rows]
    lines.append("on one thread of this machine" if lines else _header("on this machine"))
    lines += [_line(row) for row in comparison.cost]
    if comparison.classes_changed:
        lines.append(f"classes: {comparison.classes_changed}")
    if comparison.unsure:
        lines.append(
            "unsure: on other pictures of this kind it may be worse than allowed; more labelled "
            "pictures would tell"
        )
    lines += [f"note: {note}" for note in comparison.notes]
    worse = comparison.worse
    lines.append(f"worse than allowed: {', '.join(worse)}" if worse else "passed")
    return "\n".join(lines)


def _header(title: str) -> str:
    return (
        f"{title:<44}{'live':>9}{'new':>9}{'change':>9}  {'90% of resamples':<18}{'allowed':>8}"
        "  verdict"
    )


def _line(row: Row) -> str:
    margin = row.margin
    if margin.is_ratio:
        unit = "ms" if margin.name.endswith("_ms") else "MB"
        live, new = f"{row.live:.1f} {unit}", f"{row.new:.1f} {unit}"
        change = f"x{row.new / row.live:.2f}" if row.live else "-"
        allowed, interval = f"x{margin.worst_change:.2f}", ""
    elif margin.name == "count_error":
        live, new = f"{row.live:.1%}", f"{row.new:.1%}"
        change = f"{(row.new - row.live) * 100:+.1f}"
        allowed = f"{margin.worst_change * 100:+.1f}"
        interval = _interval(row, 100, 1)
    else:
        live, new, change = f"{row.live:.3f}", f"{row.new:.3f}", f"{row.new - row.live:+.3f}"
        allowed, interval = f"{margin.worst_change:+.3f}", _interval(row, 1, 3)
    return (
        f"  {margin.title:<42}{live:>9}{new:>9}{change:>9}  {interval:<18}{allowed:>8}"
        f"  {row.verdict}"
    )


def _interval(row: Row, scale: float, decimals: int) -> str:
    if row.low is None or row.high is None:
        return ""
    return f"{row.low * scale:+.{decimals}f} … {row.high * scale:+.{decimals}f}"
