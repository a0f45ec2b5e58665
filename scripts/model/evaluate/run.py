"""One run of evaluate: a bundle on labelled folders, its figures, and what model.json gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from handler.bundle.files import load_bundle, write_manifest
from handler.bundle.manifest import Manifest
from handler.detection.detector import Detector
from scripts.model.dataset import read_labelled_pictures
from scripts.model.evaluate import manifest_entries
from scripts.model.evaluate.accuracy import Figures, compute_figures, find_best_count_threshold
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.evaluate.evaluation import evaluate_pictures, name_dataset
from scripts.tool import ToolError


@dataclass(frozen=True)
class EvaluateOptions:
    """What to evaluate, and which entries of model.json to write.

    score_threshold: None for the bundle's own. calibration_folder: labelled pictures that the
    count interval, with this coverage, is calibrated on; None writes none.
    """

    bundle_dir: Path
    folders: tuple[Path, ...]
    score_threshold: float | None = None
    find_threshold: bool = False
    write_figures: bool = False
    write_threshold: bool = False
    calibration_folder: Path | None = None
    coverage: float = 0.9
    write_baseline: bool = False
    threads: int = 1


@dataclass(frozen=True)
class EvaluateResult:
    """A run's outcome.

    datasets: the evaluated pictures by dataset, in the order of `figures`. interval_coverage: how
    often the bundle's count interval held, by dataset; empty where it is not of this threshold.
    command: the one that model.json quotes.
    """

    manifest: Manifest
    datasets: dict[str, list[EvaluatedPicture]]
    score_threshold: float
    figures: list[Figures]
    interval_coverage: dict[str, float]
    command: str


def run_evaluation(
    options: EvaluateOptions, on_best_threshold: Callable[[str, float], None]
) -> EvaluateResult:
    """Evaluate a bundle on every folder, and write model.json where the options say so.

    on_best_threshold: called with each dataset's name and best threshold where one is looked for.
    Raises ToolError, BundleError and OSError.
    """
    if options.score_threshold is not None and (
        options.calibration_folder or options.write_threshold
    ):
        raise ToolError(
            "--calibrate and --write-threshold are of the bundle's own threshold; "
            "leave --score-threshold out"
        )
    bundle = load_bundle(options.bundle_dir)
    detector, manifest = Detector.load(bundle, threads=options.threads), bundle.manifest
    folders = {name_dataset(folder): folder for folder in options.folders}
    if len(folders) < len(options.folders):
        raise ToolError("two of the folders have one name; rename one, or evaluate them in turn")
    datasets = {
        name: evaluate_pictures(detector, read_labelled_pictures(folder))
        for name, folder in folders.items()
    }
    if options.find_threshold or options.write_threshold:
        for name, pictures in datasets.items():
            best = find_best_count_threshold(pictures)
            on_best_threshold(name, best)
            if options.write_threshold:
                manifest = manifest_entries.with_score_threshold(manifest, best)
    threshold = options.score_threshold
    if threshold is None:
        threshold = manifest.thresholds.score
    figures = [
        compute_figures(pictures, manifest.classes, name, threshold)
        for name, pictures in datasets.items()
    ]
    arguments = " ".join(map(str, [options.bundle_dir, *options.folders]))
    command = f"python -m scripts.model.evaluate {arguments}"
    if options.calibration_folder:
        name = name_dataset(options.calibration_folder)
        if name in folders and folders[name].resolve() == options.calibration_folder.resolve():
            pictures = datasets[name]
        else:
            pictures = evaluate_pictures(
                detector, read_labelled_pictures(options.calibration_folder)
            )
        manifest = manifest_entries.with_count_calibration(
            manifest,
            pictures,
            coverage=options.coverage,
            dataset=name,
            command=f"{command} --calibrate {options.calibration_folder} "
            f"--coverage {options.coverage:g}",
        )
    if options.write_baseline:
        manifest = manifest_entries.with_baseline(manifest, datasets, f"{command} --write-baseline")
    if options.write_figures or options.write_threshold:
        manifest = manifest_entries.with_evaluation(manifest, figures, command)
    if manifest != bundle.manifest:
        write_manifest(manifest, options.bundle_dir)
    calibration = manifest.count_calibration
    coverage = (
        manifest_entries.measure_interval_coverage(datasets, calibration)
        if calibration and threshold == calibration.score_threshold
        else {}
    )
    return EvaluateResult(manifest, datasets, threshold, figures, coverage, command)
