"""Runs a detector over labelled pictures through the handler's own code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import Prediction, PredictRequest
from handler.detection.tiled import tiles_by_default
from handler.detection.tiling import Tiles
from handler.images.statistics import sample_light
from handler.problems import Problem
from scripts.model.dataset import DatasetError, LabelledPicture
from scripts.model.evaluate.average_precision import MAX_DETECTIONS
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture

MAX_PIXELS = 400_000_000  # of a picture; those of a dataset need no protection from their sender
TILES_S = 600.0


def evaluate_pictures(
    detector: Detector, pictures: Sequence[LabelledPicture]
) -> list[EvaluatedPicture]:
    """Predict on every picture, down to the bundle's score floor. Raises DatasetError."""
    return [
        to_evaluated_picture(picture, predict_picture(detector, picture))
        for picture in show_progress(pictures)
    ]


def show_progress(pictures: Sequence[LabelledPicture]) -> Iterable[LabelledPicture]:
    """The same pictures, with a progress bar on a terminal."""
    return tqdm(pictures, unit="picture", desc="detecting", disable=None)


def predict_picture(
    detector: Detector,
    picture: LabelledPicture,
    *,
    tiles: Tiles | None = None,
    max_detections: int = MAX_DETECTIONS,
) -> Prediction:
    """The handler's prediction, down to the bundle's score floor.

    tiles: None for those that the API takes by default.

    Raises DatasetError where the file cannot be read or decoded.
    """
    defaults = detector.manifest.thresholds
    thresholds = Thresholds(defaults.score_floor, defaults.iou, max_detections)
    try:
        tiles = tiles or tiles_by_default("auto", detector.manifest)
        request = PredictRequest(picture.path.read_bytes(), thresholds, tiles)
        return predict(request, detector=detector, max_pixels=MAX_PIXELS, tiles_s=TILES_S)
    except (OSError, Problem) as error:
        reason = error.detail if isinstance(error, Problem) else error.strerror
        raise DatasetError(f"{picture.path}: {reason}; mend or remove it") from None


def to_evaluated_picture(ground_truth: LabelledPicture, prediction: Prediction) -> EvaluatedPicture:
    """The ground truth beside its prediction."""
    has_no_interval = prediction.grid is not None or prediction.has_small_objects
    return EvaluatedPicture(
        ground_truth,
        prediction.output.detections,
        prediction.picture.width,
        prediction.picture.height,
        None if has_no_interval else prediction.output.candidates,
        sample_light(prediction.output.content),
    )


def name_dataset(folder: Path) -> str:
    """What a dataset is called in tables: its folder, with the parent where that says little."""
    if folder.name in ("labeled", "images", "train", "val", "valid", "test"):
        return f"{folder.parent.name}/{folder.name}"
    return folder.stem if folder.suffix == ".json" else folder.name
