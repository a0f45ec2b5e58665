"""The verdict on a bundle: what all pictures' comparisons add up to, as model.json stores it."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from handler.bundle.manifest import Manifest, Parity, ParityAt
from scripts.model.icevision.candidate_network import CandidateNetwork
from scripts.model.icevision.checkpoint import Checkpoint
from scripts.model.parity.detection_sets import SetComparison, max_on_edge
from scripts.model.parity.stages import SCORE_THRESHOLDS, STAGES, NetworkComparison
from scripts.tool import ToolError


@dataclass(frozen=True)
class StageDifference:
    """A stage at which the two sides differ on a picture, and how."""

    picture: str
    stage: str
    description: str


@dataclass
class ParityTotals:
    """What the comparisons of all pictures so far add up to."""

    differing: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STAGES, 0))
    input_difference: float = 0.0
    candidates: int = 0
    candidate_box_px: float = 0.0
    candidate_score: float = 0.0
    comparisons: dict[float, list[SetComparison]] = field(
        default_factory=lambda: {threshold: [] for threshold in SCORE_THRESHOLDS}
    )
    on_edge_by_picture: dict[float, dict[str, int]] = field(
        default_factory=lambda: {threshold: {} for threshold in SCORE_THRESHOLDS}
    )
    differences: list[StageDifference] = field(default_factory=list)  # the first of each picture

    def add_network(self, comparison: NetworkComparison) -> None:
        # A NaN is worse than any number, and model.json holds none.
        box_px, score = np.nan_to_num((comparison.box_px, comparison.score), nan=1e9)
        self.candidates += comparison.candidates
        self.candidate_box_px = max(self.candidate_box_px, float(box_px))
        self.candidate_score = max(self.candidate_score, float(score))

    def add_detections(self, threshold: float, picture: str, comparison: SetComparison) -> None:
        self.comparisons[threshold].append(comparison)
        if comparison.on_edge:
            self.on_edge_by_picture[threshold][picture] = comparison.on_edge

    def add_differences(self, differences: Sequence[StageDifference]) -> None:
        """All differences of one picture, in the order of the stages."""
        self.differences.extend(differences[:1])
        for stage in {difference.stage for difference in differences}:
            self.differing[stage] += 1


@dataclass(frozen=True)
class ParityResult:
    """The verdict as model.json stores it, and what is only printed."""

    parity: Parity
    candidates: int
    differing: dict[str, int]  # pictures, by stage
    differing_at: dict[float, int]  # pictures, by score threshold
    differences: tuple[StageDifference, ...]  # the first of each picture
    notes: tuple[str, ...]


def build_result(
    manifest: Manifest,
    checkpoint: Checkpoint,
    network: CandidateNetwork,
    totals: ParityTotals,
    pictures: int,
    *,
    from_input: bool,
) -> ParityResult:
    """The verdict on so many pictures. Raises ToolError where there was nothing to compare."""
    rows = tuple(
        _summarise_threshold(threshold, totals.comparisons[threshold])
        for threshold in SCORE_THRESHOLDS
    )
    if not any(row.detections for row in rows) and not totals.differences:
        raise ToolError(
            f"no detection above {min(SCORE_THRESHOLDS)} in {pictures} "
            f"{'picture' if pictures == 1 else 'pictures'}, so nothing is proven; give pictures on "
            "which the model finds something, or train it longer"
        )
    first_difference = _first_difference(totals, rows)
    packages = ("icevision", "torch", "torchvision", "effdet", "albumentations", "onnxruntime")
    parity = Parity(
        passed=first_difference is None,
        compared_from="input" if from_input else "picture",
        checkpoint_sha256=checkpoint.sha256,
        onnx_sha256=manifest.sha256,
        versions={
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in (*packages, "pillow")},
        },
        pictures=pictures,
        input_difference=totals.input_difference,
        candidate_box_px=totals.candidate_box_px,
        candidate_score=totals.candidate_score,
        at=rows,
        first_difference=first_difference,
    )
    return ParityResult(
        parity=parity,
        candidates=totals.candidates,
        differing=totals.differing,
        differing_at={
            threshold: sum(each.difference is not None for each in comparisons)
            for threshold, comparisons in totals.comparisons.items()
        },
        differences=tuple(totals.differences),
        notes=tuple(_notes(manifest, network, from_input=from_input)),
    )


def _first_difference(totals: ParityTotals, rows: Sequence[ParityAt]) -> str | None:
    """Why the bundle fails; None where it passes."""
    if totals.differences:
        first = totals.differences[0]
        return f"{first.picture}, stage {first.stage}: {first.description}"
    for row in rows:
        if row.on_edge > max_on_edge(row.detections):
            by_picture = totals.on_edge_by_picture[row.threshold]
            return (
                f"stage boxes: above {row.threshold}, {row.on_edge} decisions for "
                f"{row.detections} detections lie on their limit, too many for chance, most in "
                f"{max(by_picture, key=by_picture.__getitem__)}; an untrained model's scores are "
                "all alike, and so are those on one plain colour: leave such pictures out"
            )
    return None


def _summarise_threshold(threshold: float, comparisons: Sequence[SetComparison]) -> ParityAt:
    detections = sum(each.detections for each in comparisons)
    on_edge = sum(each.on_edge for each in comparisons)
    same = all(each.difference is None for each in comparisons)
    return ParityAt(
        threshold=threshold,
        detections=detections,
        box_px=max((each.box_px for each in comparisons if each.box_px is not None), default=None),
        score=max((each.score for each in comparisons if each.score is not None), default=None),
        on_edge=on_edge,
        same=same and on_edge <= max_on_edge(detections),
    )


def _notes(manifest: Manifest, network: CandidateNetwork, *, from_input: bool) -> list[str]:
    notes, defaults = [], manifest.thresholds
    if from_input:
        notes.append(
            "decoding and resizing are the bundle's own and were not compared "
            f"(rule {manifest.resize.rule!r}): IceVision was given the handler's input"
        )
    for name, ours, theirs in (
        ("iou", defaults.iou, network.iou_threshold),
        ("max_detections", defaults.max_detections, network.max_detections),
    ):
        if ours != theirs:
            notes.append(
                f"compared at {name} {theirs:g}, IceVision's; a request that names none gets the "
                f"bundle's {ours:g}"
            )
    return notes
