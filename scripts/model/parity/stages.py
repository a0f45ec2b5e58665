"""The stages of the comparison, each with the text that says how the two sides differ there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from handler.bundle.manifest import Manifest
from handler.detection import letterbox
from handler.detection.letterbox import Letterbox
from scripts.model.candidates import Candidates, compare_candidates
from scripts.model.icevision.families import FILL
from scripts.model.parity.detection_sets import BOX_TOLERANCE_PX, SCORE_TOLERANCE

STAGES = ("pixels", "resized", "input", "network", "boxes")
SCORE_THRESHOLDS = (0.5, 0.3, 0.05)
MIN_CANDIDATE_SCORE = (
    min(SCORE_THRESHOLDS) - SCORE_TOLERANCE
)  # no threshold lets lower ones through


class NetworkComparison(NamedTuple):
    """candidates: how many were compared. box_px, score: the largest differences, NaN where there
    is no number. difference: in words, None where the networks agree."""

    candidates: int
    box_px: float
    score: float
    difference: str | None


def describe_pixel_difference(ours: np.ndarray, theirs: np.ndarray) -> str | None:
    """How two decoded pictures uint8 (h, w, 3) differ; None where they are identical."""
    if ours.shape != theirs.shape:
        return (
            f"the handler decodes {ours.shape[1]} x {ours.shape[0]} px, "
            f"IceVision {theirs.shape[1]} x {theirs.shape[0]}"
        )
    gaps = np.abs(ours.astype(np.int16) - theirs)
    if not gaps.any():
        return None
    return (
        f"{int(gaps.any(-1).sum())} decoded pixels differ, by up to {gaps.max()} of 255; "
        "transparency and 16-bit grey are known to (the handler puts white behind, and scales): "
        "save the picture as plain 8-bit RGB to compare the rest"
    )


def describe_resize_difference(
    ours: np.ndarray, theirs: np.ndarray, manifest: Manifest, box: Letterbox
) -> str | None:
    """How two letterboxed inputs uint8 (H, W, 3) differ; None where they are identical."""
    if ours.shape != theirs.shape:
        return (
            f"the handler's input is {ours.shape[1]} x {ours.shape[0]} px, "
            f"IceVision's {theirs.shape[1]} x {theirs.shape[0]}"
        )
    gaps = np.abs(ours.astype(np.int16) - theirs)
    if not gaps.any():
        return None
    if not letterbox.content(gaps, box).any():
        return describe_fill_difference(manifest)
    return (
        f"{int(gaps.any(-1).sum())} pixels of the letterboxed input differ, "
        f"by up to {gaps.max()} of 255, not only in the padding"
    )


def describe_fill_difference(manifest: Manifest) -> str:
    return (
        f"the bundle pads with {manifest.resize.fill}, IceVision with {FILL}; "
        "see resize.fill in model.json"
    )


def compare_tensors(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, str | None]:
    """The largest difference of two normalised inputs float32 (1, 3, H, W), and how they differ."""
    if np.array_equal(ours, theirs):
        return 0.0, None
    gaps = np.abs(ours.astype(np.float64) - theirs)
    _, channel, row, column = np.unravel_index(int(gaps.argmax()), gaps.shape)
    return float(gaps.max()), (
        f"{int((gaps > 0).sum())} of {gaps.size} values of the normalised input differ, by up to "
        f"{gaps.max():.2g} (channel {channel}, row {row}, column {column}); where the resized "
        "pixels do not, mean or std of the graph are not IceVision's"
    )


def compare_networks(expected: Candidates, actual: Candidates) -> NetworkComparison:
    """Compare all candidates' scores, and the boxes of those that any threshold lets through."""
    compared = expected.scores.max(1) > MIN_CANDIDATE_SCORE
    if len(expected.boxes) > 1:  # regions that the network proposes have no fixed order
        box_px, score = compare_candidates(expected, actual, scale=1.0) or (np.nan, np.nan)
    else:
        shapes, expected_shapes = ([array.shape for array in each] for each in (actual, expected))
        if shapes != expected_shapes:
            shape_difference = (
                f"the graph has boxes and scores of shape {shapes}, PyTorch {expected_shapes}"
            )
            return NetworkComparison(0, 0.0, 0.0, shape_difference)
        box_px = float(np.abs(actual.boxes - expected.boxes)[compared].max(initial=0))
        score = float(np.abs(actual.scores - expected.scores).max(initial=0))
    difference = None
    if not (score <= SCORE_TOLERANCE and box_px <= BOX_TOLERANCE_PX):
        difference = (
            f"before NMS, PyTorch and ONNX Runtime differ by up to {box_px:.2g} px and "
            f"{score:.2g} in score; the graph's weights are not the checkpoint's, were "
            "converted, or are of an older export"
        )
    return NetworkComparison(int(compared.sum()), box_px, score, difference)
