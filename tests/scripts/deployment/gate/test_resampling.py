"""The figures of resampled pictures are COCO's, and the interval tells chance from a change."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from handler.bundle.files import load_bundle
from handler.detection.detections import Detections
from handler.detection.detector import Detector
from scripts.deployment.gate.resampling import PictureFigures, resample_changes
from scripts.model.dataset import LabelledPicture, read_labelled_pictures
from scripts.model.evaluate.accuracy import compute_figures
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.evaluate.evaluation import evaluate_pictures

CLASSES = ("cell", "bead")


def drawn_picture(rng: np.random.Generator, found: float) -> EvaluatedPicture:
    """A picture of twelve objects of two classes of which a share is found, some at loose boxes,
    and three false detections."""
    corners = rng.uniform(0, 900, (12, 2))
    boxes = np.hstack([corners, corners + rng.uniform(20, 60, (12, 2))])
    labels = rng.integers(2, size=12)
    kept = rng.random(12) < found
    loose = boxes[kept] + rng.normal(0, 4, (int(kept.sum()), 4))
    false = np.hstack([corners[:3] + 1000, corners[:3] + 1040])
    scores = np.concatenate([rng.uniform(0.3, 1, len(loose)), rng.uniform(0.2, 0.7, 3)])
    order = np.argsort(-scores)
    class_ids = np.concatenate([labels[kept], rng.integers(2, size=3)])
    return EvaluatedPicture(
        LabelledPicture(
            Path("p.png"), boxes, tuple(CLASSES[label] for label in labels), 2000, 2000
        ),
        Detections(
            np.concatenate([loose, false])[order].astype(np.float32),
            scores[order].astype(np.float32),
            class_ids[order],
        ),
        2000,
        2000,
    )


def drawn_pictures(found: float, count: int = 20) -> list[EvaluatedPicture]:
    return [drawn_picture(np.random.default_rng(seed), found) for seed in range(count)]


def test_each_picture_counted_once_the_figures_are_pycocotools() -> None:
    pictures = drawn_pictures(0.8)
    expected = asdict(compute_figures(pictures, CLASSES, "drawn", 0.5))
    figures = PictureFigures.of(pictures, CLASSES, 0.5).compute(np.ones(len(pictures)))
    assert figures.keys() == {"ap50", "ap", "precision", "recall", "count_error"}
    for name, value in figures.items():
        assert value == pytest.approx(expected[name], abs=1e-9), name
    assert 0.1 < figures["ap"] < figures["ap50"] - 0.1 < 0.8  # they are of something


def test_a_picture_counted_twice_is_a_picture_more() -> None:
    pictures = drawn_pictures(0.8, 6)
    weights = np.array([2.0, 0, 1, 1, 1, 3])
    chosen = [picture for picture, times in zip(pictures, weights, strict=True)
              for _ in range(int(times))]  # fmt: skip
    expected = asdict(compute_figures(chosen, CLASSES, "drawn", 0.5))
    for name, value in PictureFigures.of(pictures, CLASSES, 0.5).compute(weights).items():
        # Equal scores of a picture counted twice are ranked one by one there, at once here.
        assert value == pytest.approx(expected[name], abs=0.02), name


def test_the_same_model_changes_nothing() -> None:
    figures = PictureFigures.of(drawn_pictures(0.8), CLASSES, 0.5)
    for low, high in resample_changes(figures, figures, resamples=50).values():
        assert low == high == 0


def test_a_model_that_finds_less_is_less_in_every_interval() -> None:
    live, new = (PictureFigures.of(drawn_pictures(found), CLASSES, 0.5) for found in (0.9, 0.5))
    intervals = resample_changes(live, new, resamples=100)
    assert intervals["ap50"][1] < -0.1 and intervals["recall"][1] < -0.1
    assert intervals["count_error"][0] > 0.05


def test_a_label_that_nothing_was_predicted_for_counts(cells: Path, live_bundle: Path) -> None:
    """Real predictions, with pictures on which one class is missing."""
    bundle = load_bundle(live_bundle)
    detector = Detector.load(bundle, threads=1)
    pictures = evaluate_pictures(detector, read_labelled_pictures(cells))
    expected = asdict(compute_figures(pictures, bundle.manifest.classes, "cells", 0.5))
    figures = PictureFigures.of(pictures, bundle.manifest.classes, 0.5)
    for name, value in figures.compute(np.ones(len(pictures))).items():
        assert value == pytest.approx(expected[name], abs=1e-9), name
