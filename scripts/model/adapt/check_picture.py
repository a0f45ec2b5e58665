"""Runs a finished bundle on a picture by the handler's own code, and draws what it detects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from handler.detection import annotate
from handler.detection.detections import Detections
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import decode
from handler.problems import Problem
from scripts.tool import ToolError

MAX_PIXELS = 400_000_000  # above the handler's limit: the picture is the user's own


@dataclass(frozen=True, eq=False)
class CheckResult:
    """detections: in px of the upright original. annotated_jpeg: the picture with them drawn."""

    detections: Detections
    annotated_jpeg: bytes


def read_check_picture(image_path: Path) -> bytes:
    """Raises ToolError where the file cannot be read."""
    try:
        return image_path.read_bytes()
    except OSError as error:
        raise ToolError(f"--check: {image_path} cannot be read ({error.strerror})") from None


def check_picture(detector: Detector, image_bytes: bytes, image_path: Path) -> CheckResult:
    """Detect at the bundle's default thresholds. image_path: for the text of a ToolError, raised
    where the picture cannot be decoded."""
    manifest = detector.manifest
    defaults = manifest.thresholds
    try:
        picture = decode(image_bytes, max_pixels=MAX_PIXELS, min_frame=detector.min_frame)
    except Problem as error:
        raise ToolError(f"--check {image_path}: {error}") from None
    thresholds = Thresholds(defaults.score, defaults.iou, defaults.max_detections)
    detections = detector.detect(picture, thresholds).detections
    annotated = annotate.draw(
        picture.pixels, detections, (picture.width, picture.height), manifest.classes
    )
    return CheckResult(detections, annotate.encode(annotated, "JPEG"))
