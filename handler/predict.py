"""A picture's bytes and thresholds in, a Prediction out: the whole story in one function."""

from __future__ import annotations

import time
from dataclasses import dataclass

from handler import image
from handler.detections import Detections
from handler.detector import Detector, Found, Thresholds
from handler.image import Picture


@dataclass(frozen=True)
class Ask:
    """What a client wants, in no dialect: the picture's bytes and what counts as a detection."""

    data: bytes
    thresholds: Thresholds


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model makes of one picture."""

    ask: Ask
    picture: Picture
    found: Found
    classes: tuple[str, ...]
    decode_ms: float

    @property
    def detections(self) -> Detections:
        return self.found.detections

    def counts(self) -> dict[str, int]:
        """How many of each class, zeros included, in the model's order."""
        ids = self.detections.class_ids.tolist()
        return {label: ids.count(class_id) for class_id, label in enumerate(self.classes)}


def predict(ask: Ask, *, detector: Detector, max_pixels: int) -> Prediction:
    """Decode, letterbox, detect.

    Raises UnsupportedImage, Undecodable, TooManyPixels where the bytes are at fault.
    """
    started = time.perf_counter()
    picture = image.decode(ask.data, max_pixels=max_pixels, at_least=detector.at_least)
    decode_ms = (time.perf_counter() - started) * 1000
    found = detector.detect(picture, ask.thresholds)
    return Prediction(ask, picture, found, tuple(detector.manifest.classes), decode_ms)
