"""Compares a converted detector with the float one: how accurate, and how fast."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handler.detection.detector import Detector
from scripts.model.dataset import DatasetError, LabelledPicture, read_labelled_pictures
from scripts.model.evaluate.accuracy import Figures, compute_figures
from scripts.model.evaluate.evaluation import evaluate_pictures
from scripts.model.timing import time_in_turns
from scripts.tool import ToolError

MIN_ROUNDS_WON = 0.75  # the fraction of timed rounds that the faster graph must win


@dataclass(frozen=True)
class EvaluationSet:
    """Pictures to measure AP50 on. truth: where their boxes come from, in words."""

    name: str
    truth: str
    pictures: tuple[LabelledPicture, ...]


@dataclass(frozen=True)
class AccuracyLoss:
    """COCO's AP50 and AP and the count error, float (before) and converted (after), on one set."""

    dataset: str
    truth: str
    pictures: int
    ap50_before: float
    ap50_after: float
    ap_before: float
    ap_after: float
    count_error_before: float
    count_error_after: float

    @property
    def points(self) -> float:
        """Points of AP50 lost; negative for a gain."""
        return (self.ap50_before - self.ap50_after) * 100


@dataclass(frozen=True)
class SpeedComparison:
    """Medians of inference on one thread, timed in turns.

    won: rounds in which the converted graph was faster.
    """

    before_ms: float
    after_ms: float
    rounds: int
    won: int

    @property
    def faster(self) -> bool:
        return self.after_ms < self.before_ms and self.won >= MIN_ROUNDS_WON * self.rounds


def read_evaluation_sets(folders: Sequence[Path]) -> list[EvaluationSet]:
    """A set for each labelled folder. Raises DatasetError, and ToolError for one without boxes."""
    sets = []
    for folder in folders:
        pictures = read_labelled_pictures(folder)
        sets.append(EvaluationSet(str(folder), "labels", tuple(pictures)))
    for each in sets:
        if not any(len(picture.boxes) for picture in each.pictures):
            raise ToolError(f"{each.name}: not one labelled box in it; AP50 needs some")
    return sets


def make_calibration_set(
    folder: Path, image_paths: Sequence[Path], float_detector: Detector
) -> EvaluationSet:
    """The calibration folder with its labels, where it has labels of the model's classes; else the
    calibration pictures, with the float detector's own detections as ground truth.

    Raises ToolError where neither gives a box.
    """
    try:
        pictures = read_labelled_pictures(folder)
    except DatasetError:
        pictures = []
    classes = float_detector.manifest.classes
    known_labels = all(set(classes).issuperset(picture.labels) for picture in pictures)
    if known_labels and any(len(picture.boxes) for picture in pictures):
        return EvaluationSet(str(folder), "labels", tuple(pictures))
    predicted = _label_by_detector(image_paths, float_detector)
    if not any(picture.labels for picture in predicted):
        raise ToolError(
            f"{folder}: no labels in it, and the float model finds nothing on its pictures; "
            "give labelled ones with --evaluate"
        )
    return EvaluationSet(str(folder), "the float model's detections", tuple(predicted))


def _label_by_detector(image_paths: Sequence[Path], detector: Detector) -> list[LabelledPicture]:
    classes, threshold = detector.manifest.classes, detector.manifest.thresholds.score
    unlabelled = [LabelledPicture(path, np.zeros((0, 4)), ()) for path in image_paths]
    pictures = []
    for evaluated in evaluate_pictures(detector, unlabelled):
        detections = evaluated.predictions_above(threshold)
        labels = tuple(classes[class_id] for class_id in detections.class_ids)
        boxes = detections.boxes.astype(np.float64)
        pictures.append(LabelledPicture(evaluated.ground_truth.path, boxes, labels))
    return pictures


@dataclass(frozen=True, eq=False)
class FloatAccuracy:
    """What the float detector reaches on each evaluation set; conversions are compared with it."""

    sets: tuple[EvaluationSet, ...]
    figures: tuple[Figures, ...]

    @classmethod
    def measure(cls, sets: Sequence[EvaluationSet], float_detector: Detector) -> FloatAccuracy:
        """Raises DatasetError for labels that the model does not have."""
        return cls(tuple(sets), tuple(_measure(each, float_detector) for each in sets))

    def measure_losses(self, converted_detector: Detector) -> tuple[AccuracyLoss, ...]:
        """What a converted detector loses on each set."""
        return tuple(
            _loss(each, before, _measure(each, converted_detector))
            for each, before in zip(self.sets, self.figures, strict=True)
        )


def _measure(evaluation_set: EvaluationSet, detector: Detector) -> Figures:
    manifest = detector.manifest
    evaluated = evaluate_pictures(detector, evaluation_set.pictures)
    return compute_figures(
        evaluated, manifest.classes, evaluation_set.name, manifest.thresholds.score
    )


def _loss(evaluation_set: EvaluationSet, before: Figures, after: Figures) -> AccuracyLoss:
    return AccuracyLoss(
        dataset=evaluation_set.name,
        truth=evaluation_set.truth,
        pictures=before.pictures,
        ap50_before=round(before.ap50, 4),
        ap50_after=round(after.ap50, 4),
        ap_before=round(before.ap, 4),
        ap_after=round(after.ap, 4),
        count_error_before=round(before.count_error, 4),
        count_error_after=round(after.count_error, 4),
    )


def compare_speed(
    before: Detector, after: Detector, encoded_pictures: Sequence[bytes], rounds: int
) -> SpeedComparison:
    """Time both detectors in turns. Raises handler.problems.Problem for bytes that are no
    picture."""
    before_ms, after_ms = (
        [timing.inference_ms for timing in timings]
        for timings in time_in_turns([before, after], encoded_pictures, rounds)
    )
    return SpeedComparison(
        before_ms=round(statistics.median(before_ms), 2),
        after_ms=round(statistics.median(after_ms), 2),
        rounds=rounds,
        won=sum(after < before for before, after in zip(before_ms, after_ms, strict=True)),
    )
