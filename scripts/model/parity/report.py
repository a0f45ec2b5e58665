"""The verdict in print: a table of the stages, or JSON."""

from __future__ import annotations

import json

from handler.bundle.manifest import ParityAt
from handler.bundle.reader import as_json
from scripts.model.parity.verdict import ParityResult


def format_table(result: ParityResult) -> str:
    """A line a stage; the last stage has a line a score threshold."""
    parity, pictures = result.parity, str(result.parity.pictures)
    lines = [("stage", "pictures", "compared", "worst difference", "verdict")]
    for stage in ("pixels", "resized"):
        if parity.compared_from == "input":
            verdict = _verdict(result, stage, "not compared")
            lines.append((stage, pictures, "-", "", verdict))
        else:
            lines.append((stage, pictures, pictures, "", _verdict(result, stage, "identical")))
    gap = f"{parity.input_difference:.2g}" if parity.input_difference else "0"
    lines.append(("input", pictures, pictures, gap, _verdict(result, "input", "identical")))
    gaps = f"{parity.candidate_box_px:.1e} px, {parity.candidate_score:.1e}"
    verdict = _verdict(result, "network", "same")
    lines.append(("network", pictures, str(result.candidates), gaps, verdict))
    for row in parity.at:
        gaps = "" if row.box_px is None else f"{row.box_px:.1e} px, {row.score:.1e}"
        verdict = _threshold_verdict(row, result.differing_at[row.threshold])
        lines.append((f"boxes > {row.threshold}", pictures, str(row.detections), gaps, verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join(
        f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d:<{widths[3]}}  {e}".rstrip()
        for a, b, c, d, e in lines
    )


def _verdict(result: ParityResult, stage: str, without_difference: str) -> str:
    differing = result.differing[stage]
    return f"DIFFERS in {differing}" if differing else without_difference


def _threshold_verdict(row: ParityAt, differing: int) -> str:
    if differing:
        verdict = f"DIFFERS in {differing}"
    elif not row.detections:
        verdict = "nothing found"
    else:
        verdict = "same" if row.same else "TOO MANY ON EDGE"
    return f"{verdict}, {row.on_edge} on edge" if row.on_edge else verdict


def format_json(result: ParityResult) -> str:
    """The verdict as model.json stores it, with the notes and each picture's first difference."""
    verdict = as_json(result.parity)
    verdict["notes"] = list(result.notes)
    verdict["differences"] = [
        {"picture": each.picture, "stage": each.stage, "how": each.description}
        for each in result.differences
    ]
    return json.dumps(verdict, indent=2)
