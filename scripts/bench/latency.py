"""A bundle and a picture in; how long its decoding, letterbox and inference take, out.

    python -m scripts.bench.latency handler/model events/sample.jpg

Medians over interleaved runs in one process, on as many threads as the function would have.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

from tqdm import trange

from handler.bundle.files import load_bundle
from handler.bundle.reader import BundleError
from handler.detection import letterbox
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import decode
from handler.problems import Problem


def measure(detector: Detector, data: bytes, runs: int) -> dict[str, list[float]]:
    """Milliseconds of each part, a list a part; the first run is left out."""
    size, resize, limits = (
        detector.manifest.input,
        detector.manifest.resize,
        detector.manifest.thresholds,
    )
    thresholds = Thresholds(limits.score, limits.iou, limits.max_detections)
    times: dict[str, list[float]] = {"decode": [], "letterbox": [], "inference": [], "all": []}
    for number in trange(runs + 1, desc="measuring", unit="run", disable=None):
        started = time.perf_counter()
        picture = decode(data, max_pixels=10**9, at_least=detector.at_least)
        decoded = time.perf_counter()
        found = detector.detect(picture, thresholds)
        ended = time.perf_counter()
        # detect() letterboxes inside; timed once more by itself, outside the whole
        box = letterbox.fit(picture.width, picture.height, size.width, size.height, resize.fit)
        again = time.perf_counter()
        letterbox.apply(picture.rgb, box, rule=resize.rule, fill=resize.fill)
        fitted = time.perf_counter()
        if number:
            times["decode"].append((decoded - started) * 1000)
            times["letterbox"].append((fitted - again) * 1000)
            times["inference"].append(found.inference_ms)
            times["all"].append((ended - started) * 1000)
    return times


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.latency", description=__doc__.splitlines()[0]
    )
    parser.add_argument("bundle", type=Path, help="folder with model.onnx and model.json")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--threads", type=int, default=1, help="default: %(default)s, one vCPU")
    parser.add_argument("--runs", type=int, default=40, help="default: %(default)s")
    options = parser.parse_args(argv)
    try:
        detector = Detector.load(load_bundle(options.bundle), threads=options.threads)
        times = measure(detector, options.picture.read_bytes(), options.runs)
    except (BundleError, Problem, OSError) as error:
        sys.exit(f"latency: {error}")
    print(f"{'ms':<12}{'median':>8}{'min':>8}{'max':>8}")
    for part, values in times.items():
        print(f"{part:<12}{statistics.median(values):8.1f}{min(values):8.1f}{max(values):8.1f}")


if __name__ == "__main__":
    main()
