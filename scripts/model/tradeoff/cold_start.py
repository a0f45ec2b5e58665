"""Measures a cold start in a process of its own: loading a bundle, and the memory of predictions.

    python -m scripts.model.tradeoff.cold_start BUNDLE THREADS PICTURE

The process prints the milliseconds of loading and the peak memory in bytes, a line each. Beside the
handler it imports next to nothing, since its memory stands for the function's.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from scripts.paths import ROOT
from scripts.tool import ToolError

PREDICTIONS = 3
MAX_PIXELS = 400_000_000  # as in scripts.model.evaluate, whose imports would be measured, too


@dataclass(frozen=True)
class ColdStart:
    """load_ms: reading, checking and warming the bundle. peak_bytes: highest resident size."""

    load_ms: float
    peak_bytes: float


def measure_cold_start(bundle_dir: Path, image_path: Path, threads: int) -> ColdStart:
    """Start a new process that loads the bundle and predicts. Raises ToolError where it fails."""
    arguments = [str(bundle_dir.resolve()), str(threads), str(image_path.resolve())]
    process = subprocess.run(
        [sys.executable, "-m", "scripts.model.tradeoff.cold_start", *arguments],
        cwd=ROOT,  # where handler and scripts are found
        capture_output=True,
        text=True,
    )
    if process.returncode:
        messages = process.stderr.strip().splitlines() or ["no message"]
        raise ToolError(f"{bundle_dir}: its memory could not be measured ({messages[-1]})")
    load_ms, peak_bytes = map(float, process.stdout.split())
    return ColdStart(load_ms, peak_bytes)


def main(argv: list[str]) -> None:
    bundle_dir, threads, image_path = Path(argv[0]), int(argv[1]), Path(argv[2])
    started = time.perf_counter()
    detector = Detector.load(load_bundle(bundle_dir), threads=threads)
    print((time.perf_counter() - started) * 1000)
    defaults = detector.manifest.thresholds
    thresholds = Thresholds(defaults.score, defaults.iou, defaults.max_detections)
    request = PredictRequest(image_path.read_bytes(), thresholds)
    for _ in range(PREDICTIONS):
        predict(request, detector=detector, max_pixels=MAX_PIXELS)
    print(_peak_bytes())


def _peak_bytes() -> int:
    """VmHWM is of this process alone; ru_maxrss begins at the size of the process that started
    it."""
    status = Path("/proc/self/status")
    if status.exists():
        match = re.search(r"VmHWM:\s+(\d+)", status.read_text())
        assert match
        return int(match[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main(sys.argv[1:])
