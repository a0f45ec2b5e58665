"""Tiny models adapted into a bundle, and what the bundle detects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.images.picture import Picture
from scripts.model.adapt.adapter import AdaptResult, adapt
from scripts.model.adapt.options import AdaptOptions
from tests.scripts.model.adapt.foreign_graphs import CLASSES, save


def adapt_model(folder: Path, model: onnx.ModelProto, **options: Any) -> AdaptResult:
    """The model's bundle in folder / "bundle", with CLASSES unless the options say otherwise."""
    options = {"classes": ",".join(CLASSES)} | options
    return adapt(
        save(model, folder),
        folder / "bundle",
        name="tiny",
        version="1",
        options=AdaptOptions(**options),
    )


def detect(folder: Path, width: int, height: int) -> list[tuple[int, float, np.ndarray]]:
    """(class id, score, box) of what the bundle detects on a picture of noise, best first."""
    detector = Detector.load(load_bundle(folder / "bundle"), threads=1)
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    defaults = detector.manifest.thresholds
    detections = detector.detect(
        Picture(rgb, width, height, "PNG", 1), Thresholds(defaults.score, defaults.iou, 100)
    ).detections
    return list(
        zip(
            detections.class_ids.tolist(),
            detections.scores.tolist(),
            detections.boxes,
            strict=True,
        )
    )
