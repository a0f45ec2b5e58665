"""Time the decoding, letterbox and inference of a picture.

    scripts/run latency handler/model events/sample.jpg

Medians over interleaved runs in one process, on as many threads as the function would have.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from tqdm import trange

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import decode
from scripts.tool import exit_on_error

MAX_PIXELS = 10**9


def measure_latency(detector: Detector, image_bytes: bytes, runs: int) -> dict[str, list[float]]:
    """Milliseconds of every run, by step: decode, letterbox, inference, and all of them together.

    A warm-up run comes first and is not in the result. Raises handler.problems.Problem for bytes
    that are no picture.
    """
    defaults = detector.manifest.thresholds
    thresholds = Thresholds(defaults.score, defaults.iou, defaults.max_detections)
    times: dict[str, list[float]] = {"decode": [], "letterbox": [], "inference": [], "all": []}
    for number in trange(runs + 1, desc="measuring", unit="run", disable=None):
        started = time.perf_counter()
        picture = decode(image_bytes, max_pixels=MAX_PIXELS, min_frame=detector.min_frame)
        decoded = time.perf_counter()
        output = detector.detect(picture, thresholds)
        detected = time.perf_counter()
        # detect() letterboxes the picture itself; once more here, to time that step alone
        detector.prepare(picture)
        prepared = time.perf_counter()
        if number:
            times["decode"].append((decoded - started) * 1000)
            times["letterbox"].append((prepared - detected) * 1000)
            times["inference"].append(output.inference_ms)
            times["all"].append((detected - started) * 1000)
    return times


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run latency", description=__doc__.splitlines()[0]
    )
    parser.add_argument("bundle", type=Path, help="folder with model.onnx and model.json")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--threads", type=int, default=1, help="default: %(default)s, one vCPU")
    parser.add_argument("--runs", type=int, default=40, help="default: %(default)s")
    arguments = parser.parse_args(argv)
    with exit_on_error("latency"):
        detector = Detector.load(load_bundle(arguments.bundle), threads=arguments.threads)
        times = measure_latency(detector, arguments.picture.read_bytes(), arguments.runs)
    print(f"{'ms':<12}{'median':>8}{'min':>8}{'max':>8}")
    for step, values in times.items():
        print(f"{step:<12}{statistics.median(values):8.1f}{min(values):8.1f}{max(values):8.1f}")


if __name__ == "__main__":
    main()
