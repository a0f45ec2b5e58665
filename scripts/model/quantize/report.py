"""The result of a quantisation, and its forms for a person and for a program."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from scripts.model.quantize.measure import AccuracyLoss, SpeedComparison
from scripts.model.quantize.sensitivity import GroupSensitivity

_MOST_SENSITIVE = 5


@dataclass(frozen=True)
class QuantizeResult:
    """What a conversion gains and costs, and whether it is worth keeping.

    kind: int8 or half. verdict: the reason for `kept`, in words. layers: how many may be int8.
    float_layers: the first of each group that stays float for accuracy.
    """

    kind: str
    kept: bool
    verdict: str
    mb_before: float
    mb_after: float
    speed: SpeedComparison
    losses: tuple[AccuracyLoss, ...]
    layers: int = 0
    float_layers: tuple[str, ...] = ()
    sensitivity: tuple[GroupSensitivity, ...] = ()


def format_text(result: QuantizeResult, out_dir: Path, *, written: bool) -> str:
    """The result as a table with the verdict below."""
    kind, speed = result.kind, result.speed
    size_ratio = result.mb_after / result.mb_before
    lines = [
        f"{'':<34}{'float':>10}{kind:>10}{'change':>12}",
        f"{'file, MB':<34}{result.mb_before:>10.2f}{result.mb_after:>10.2f}"
        f"{size_ratio - 1:>+12.0%}",
        f"{'inference, ms (1 thread)':<34}{speed.before_ms:>10.1f}{speed.after_ms:>10.1f}"
        f"{speed.after_ms / speed.before_ms - 1:>+12.0%}",
    ]
    for loss in result.losses:
        lines += [
            f"{loss.dataset}, {loss.pictures} pictures, against {loss.truth}",
            f"{'  AP50':<34}{loss.ap50_before:>10.4f}{loss.ap50_after:>10.4f}"
            f"{-loss.points:>+9.2f} pt",
            f"{'  AP':<34}{loss.ap_before:>10.4f}{loss.ap_after:>10.4f}"
            f"{(loss.ap_after - loss.ap_before) * 100:>+9.2f} pt",
            f"{'  count error':<34}{loss.count_error_before:>10.1%}{loss.count_error_after:>10.1%}",
        ]
    if result.sensitivity:
        worst = sorted(result.sensitivity, key=lambda item: -item.error)[:_MOST_SENSITIVE]
        lines.append(f"layers that may be int8: {result.layers}; the most sensitive, alone:")
        lines += [f"  {item.error:.4f}  {item.layer}" for item in worst]
    if result.float_layers:
        lines.append(f"left in float for accuracy: from {', '.join(result.float_layers)}")
    lines.append("")
    if result.kept:
        lines.append(f"{out_dir}: kept; {result.verdict}")
    elif written:
        lines.append(f"{out_dir}: written because of --anyway, though {result.verdict}")
    else:
        lines.append(f"Not kept, nothing written, float stays: {result.verdict}.")
    return "\n".join(lines)


def format_json(result: QuantizeResult) -> str:
    """All fields of the result, with the speed as `pace`, the name that --json has always used."""
    fields = {
        "pace" if name == "speed" else name: value
        for name, value in dataclasses.asdict(result).items()
    }
    return json.dumps(fields, indent=2)
