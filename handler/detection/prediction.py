"""What a client asks of the model, and what the model answers, in no client's dialect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from handler.detection.detections import Detections
from handler.detection.detector import DetectorOutput, Thresholds
from handler.detection.tiling import WHOLE, Grid, Tiles
from handler.images.picture import Picture


class PredictRequest(NamedTuple):
    """An encoded picture, the thresholds of a detection, and the grid of tiles.

    tiles: "auto" chooses the grid by the size of the objects found.
    """

    image_bytes: bytes
    thresholds: Thresholds
    tiles: Tiles = WHOLE


@dataclass(frozen=True, eq=False)
class Prediction:
    """The model's output for one picture.

    grid: of the tiles, None for the picture alone. has_small_objects: whether objects are smaller,
    as the model saw them, than those it was trained on, as `tiling.are_small` says: a count misses
    many then, and no interval of it holds. warnings: sentences about the picture, or the model's
    output, that a user should know of.
    """

    request: PredictRequest
    picture: Picture
    output: DetectorOutput
    classes: tuple[str, ...]
    decode_ms: float
    grid: Grid | None = None
    has_small_objects: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def detections(self) -> Detections:
        return self.output.detections

    def counts(self) -> dict[str, int]:
        """Detections of each class, zeros included, in the model's order."""
        class_ids = self.detections.class_ids.tolist()
        return {label: class_ids.count(class_id) for class_id, label in enumerate(self.classes)}

    def without_pixels(self) -> Prediction:
        """The same with a picture of (0, 0, 3) pixels, to hold many predictions in memory."""
        no_pixels = np.empty((0, 0, 3), np.uint8)
        return replace(self, picture=replace(self.picture, pixels=no_pixels))
