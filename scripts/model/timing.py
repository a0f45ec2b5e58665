"""Times detectors in turns, so that a busy moment of the machine meets all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

from tqdm import tqdm

from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from scripts.model.evaluate.evaluation import MAX_PIXELS


class Timing(NamedTuple):
    """One prediction, in ms: the graph's run, and everything from encoded bytes to boxes."""

    inference_ms: float
    predict_ms: float


def time_in_turns(
    detectors: Sequence[Detector],
    encoded_pictures: Sequence[bytes],
    rounds: int,
    *,
    desc: str = "timing",
) -> list[list[Timing]]:
    """For each detector, the timing of every round; round r predicts on picture r, in rotation.

    A warm-up round comes first and is not in the result. Raises handler.problems.Problem for bytes
    that are no picture.
    """
    timings: list[list[Timing]] = [[] for _ in detectors]
    for number in tqdm(range(-1, rounds), unit="round", desc=desc, disable=None, leave=False):
        image_bytes = encoded_pictures[number % len(encoded_pictures)]
        # Every second round in reverse: the CPU's cache depends on who ran before.
        order = range(len(detectors)) if number % 2 else reversed(range(len(detectors)))
        for index in order:
            timing = _time_prediction(detectors[index], image_bytes)
            if number >= 0:
                timings[index].append(timing)
    return timings


def median_timing(timings: Sequence[Timing]) -> Timing:
    """The median of each column, taken on its own."""
    inference_ms, predict_ms = (statistics.median(column) for column in zip(*timings, strict=True))
    return Timing(inference_ms, predict_ms)


def _time_prediction(detector: Detector, image_bytes: bytes) -> Timing:
    defaults = detector.manifest.thresholds
    thresholds = Thresholds(defaults.score, defaults.iou, defaults.max_detections)
    request = PredictRequest(image_bytes, thresholds)
    started = time.perf_counter()
    prediction = predict(request, detector=detector, max_pixels=MAX_PIXELS)
    ended = time.perf_counter()
    return Timing(prediction.output.inference_ms, (ended - started) * 1000)
