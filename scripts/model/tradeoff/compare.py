"""Measures bundles side by side: speed, cold start and memory, accuracy."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from handler.bundle.files import Bundle, load_bundle
from handler.detection.detector import Detector
from scripts.model.dataset import LabelledPicture, read_labelled_pictures
from scripts.model.evaluate.accuracy import compute_figures
from scripts.model.evaluate.evaluation import evaluate_pictures, name_dataset
from scripts.model.timing import median_timing, time_in_turns
from scripts.model.tradeoff.cold_start import measure_cold_start
from scripts.tool import ToolError

THREADS = (1, 2)
ROUNDS = 31
TIMED_PICTURES = 5
COLD_STARTS = 3  # new processes for each bundle and thread count


@dataclass(frozen=True)
class Speed:
    """On `threads` threads: medians in ms of rounds in turns; of new processes, the median time of
    loading the bundle in ms and the peak memory in MB."""

    threads: int
    inference_ms: float
    predict_ms: float
    load_ms: float
    memory_mb: float


@dataclass(frozen=True)
class Accuracy:
    """What a bundle reaches on one dataset, as scripts.model.evaluate measures it."""

    dataset: str
    pictures: int
    objects: int
    ap50: float
    count_error: float


@dataclass(frozen=True)
class ComparedBundle:
    """One bundle of the comparison. input: width and height in px."""

    bundle: str
    name: str
    version: str
    input: tuple[int, int]
    size_mb: float
    score_threshold: float
    speeds: tuple[Speed, ...]
    accuracies: tuple[Accuracy, ...]


def compare_bundles(
    bundle_dirs: Sequence[Path],
    dataset_dirs: Sequence[Path],
    *,
    threads: Sequence[int] = THREADS,
    rounds: int = ROUNDS,
) -> list[ComparedBundle]:
    """Measure every bundle on every folder of labelled pictures.

    Raises ToolError, handler.bundle.reader.BundleError and handler.problems.Problem.
    """
    bundles = [load_bundle(bundle_dir) for bundle_dir in bundle_dirs]
    datasets = _read_datasets(dataset_dirs)
    image_paths = [picture.path for pictures in datasets.values() for picture in pictures]
    step = max(1, len(image_paths) // TIMED_PICTURES)
    timed = image_paths[::step][:TIMED_PICTURES]
    speeds = [_measure_speeds(bundle_dirs, bundles, timed, count, rounds) for count in threads]
    return [
        ComparedBundle(
            bundle=str(bundle_dir),
            name=bundle.manifest.name,
            version=bundle.manifest.version,
            input=(bundle.manifest.input.width, bundle.manifest.input.height),
            size_mb=bundle.onnx_path.stat().st_size / 1e6,
            score_threshold=bundle.manifest.thresholds.score,
            speeds=bundle_speeds,
            accuracies=_measure_accuracies(bundle, datasets),
        )
        for bundle_dir, bundle, bundle_speeds in zip(
            bundle_dirs, bundles, zip(*speeds, strict=True), strict=True
        )
    ]


def _read_datasets(dataset_dirs: Sequence[Path]) -> dict[str, list[LabelledPicture]]:
    datasets = {name_dataset(folder): read_labelled_pictures(folder) for folder in dataset_dirs}
    if len(datasets) < len(dataset_dirs):
        raise ToolError("two of the folders of --data have one name; rename one")
    for name, pictures in datasets.items():
        if not pictures:
            raise ToolError(f"{name}: no labelled picture in it; give a folder of VOC or COCO")
    return datasets


def _measure_speeds(
    bundle_dirs: Sequence[Path],
    bundles: Sequence[Bundle],
    image_paths: Sequence[Path],
    threads: int,
    rounds: int,
) -> list[Speed]:
    """The speed of each bundle on one thread count."""
    timings = time_in_turns(
        [Detector.load(bundle, threads=threads) for bundle in bundles],
        [path.read_bytes() for path in image_paths],
        rounds,
        desc=f"timing, {threads} thread(s)",
    )
    speeds = []
    for bundle_dir, bundle_timings in zip(bundle_dirs, timings, strict=True):
        timing = median_timing(bundle_timings)
        starts = [
            measure_cold_start(bundle_dir, image_paths[0], threads) for _ in range(COLD_STARTS)
        ]
        speeds.append(
            Speed(
                threads=threads,
                inference_ms=round(timing.inference_ms, 1),
                predict_ms=round(timing.predict_ms, 1),
                load_ms=round(statistics.median(start.load_ms for start in starts)),
                memory_mb=round(max(start.peak_bytes for start in starts) / 1e6),
            )
        )
    return speeds


def _measure_accuracies(
    bundle: Bundle, datasets: Mapping[str, Sequence[LabelledPicture]]
) -> tuple[Accuracy, ...]:
    manifest = bundle.manifest
    detector = Detector.load(bundle, threads=1)
    accuracies = []
    for name, pictures in datasets.items():
        evaluated = evaluate_pictures(detector, pictures)
        figures = compute_figures(evaluated, manifest.classes, name, manifest.thresholds.score)
        accuracies.append(
            Accuracy(
                dataset=name,
                pictures=figures.pictures,
                objects=figures.objects,
                ap50=round(figures.ap50, 4),
                count_error=round(figures.count_error, 4),
            )
        )
    return tuple(accuracies)
