"""Detectors timed in turns."""

import io

from PIL import Image

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector
from scripts.model.timing import Timing, median_timing, time_in_turns
from tests.support.tiny_bundle import make_tiny_bundle


def test_every_round_times_every_detector(tmp_path) -> None:
    detectors = [
        Detector.load(load_bundle(make_tiny_bundle(tmp_path / name)), threads=1)
        for name in ("first", "second")
    ]
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    timings = time_in_turns(detectors, [buffer.getvalue()], rounds=3)
    assert [len(rounds) for rounds in timings] == [3, 3]
    for timing in timings[0] + timings[1]:
        assert 0 <= timing.inference_ms <= timing.predict_ms


def test_medians_are_taken_column_by_column() -> None:
    timings = [Timing(1, 30), Timing(2, 20), Timing(3, 10)]
    assert median_timing(timings) == Timing(2, 20)
