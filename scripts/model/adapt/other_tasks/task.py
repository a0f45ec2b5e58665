"""What another task is, and the sentence that refuses its network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class OtherTask:
    """what: the network, with its article. evidence: what shows it. instead: what to do.

    boxes_alone: the format that reads the network's boxes, where it has upright ones.
    """

    what: str
    evidence: str
    instead: str
    boxes_alone: str | None = None

    def __str__(self) -> str:
        """The sentence of the refusal."""
        alone = (
            f", or take its boxes alone with --format {self.boxes_alone}"
            if self.boxes_alone
            else ""
        )
        return f"this is {self.what}, no detector ({self.evidence}): {self.instead}{alone}"


MASKS_INSTEAD = (
    "a bundle answers with boxes and has no place for masks; export a detection model "
    "(ultralytics: yolov8n.pt rather than yolov8n-seg.pt)"
)
POINTS_INSTEAD = (
    "a bundle answers with boxes and has no place for points; export a detection model "
    "(ultralytics: yolov8n.pt rather than yolov8n-pose.pt)"
)
ANGLES_INSTEAD = (
    "a bundle's boxes are upright, and turned ones read as upright are wrong; export a detection "
    "model (ultralytics: yolov8n.pt rather than yolov8n-obb.pt)"
)
PIXELS_INSTEAD = "it finds no boxes; export a detection model"
WHOLE_PICTURE_INSTEAD = (
    "it says something of the whole picture and finds no boxes; export a detection model"
)


def format_of_boxes(output_names: Iterable[str]) -> str | None:
    """torchvision's Mask R-CNN and Keypoint R-CNN have a detector's three outputs, too."""
    names = {name.lower() for name in output_names}
    return "torchvision" if {"boxes", "labels", "scores"} <= names else None
