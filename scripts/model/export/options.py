"""What the user of export decides about the bundle. torch is not imported here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from handler.detection import letterbox

MAX_DETECTIONS = 300  # effdet and Faster R-CNN stop at 100, which is too few for counting
RESIZE_RULES = get_args(letterbox.Rule)
ICEVISION_RULE: letterbox.Rule = "opencv-linear"  # of checkpoints that do not say it


@dataclass(frozen=True)
class ExportOptions:
    """What the user decides about the bundle; None leaves it to the checkpoint or its framework.

    rule, fit: of the manifest's resize. score_threshold, iou_threshold, max_detections: defaults of
    requests.
    """

    name: str
    version: str
    rule: str | None = None
    fit: str | None = None
    score_threshold: float = 0.5
    iou_threshold: float | None = None
    max_detections: int = MAX_DETECTIONS
    dataset: str | None = None
    training_command: str | None = None
