"""One run of evaluate: a bundle on labelled folders, its figures, and what model.json gets."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from handler.bundle.files import ONNX_FILE, Bundle, load_bundle, write_manifest
from handler.bundle.manifest import Manifest
from handler.detection.detector import Detector
from scripts.model.baseline.build import MIN_PICTURES, build_baseline, count_predictions
from scripts.model.dataset import LabelledPicture, read_dataset
from scripts.model.evaluate import manifest_entries
from scripts.model.evaluate.accuracy import Figures, compute_figures
from scripts.model.evaluate.count_calibration import (
    Coverage,
    leave_each_out,
    measure_coverage,
)
from scripts.model.evaluate.counting import BestThreshold, find_best_count_threshold
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.evaluate.evaluation import evaluate_pictures, name_dataset
from scripts.model.evaluate.findings import Findings, find_findings
from scripts.records.reference import MIN_RECORDS, REFERENCE_FILE, write_reference
from scripts.tool import ToolError


@dataclass(frozen=True)
class EvaluateOptions:
    """What to evaluate, and which entries of model.json to write.

    score_threshold: None for the bundle's own. calibration_folders: labelled pictures that the
    count interval, with this coverage, is calibrated on, each folder a kind of pictures; without
    any, none is written.
    """

    bundle_dir: Path
    folders: tuple[Path, ...]
    score_threshold: float | None = None
    find_threshold: bool = False
    write_figures: bool = False
    write_threshold: bool = False
    calibration_folders: tuple[Path, ...] = ()
    coverage: float = 0.9
    write_baseline: bool = False
    threads: int = 1

    def check(self) -> None:
        """Raises ToolError for options that exclude each other."""
        writes_own_threshold = self.calibration_folders or self.write_threshold
        if self.score_threshold is not None and writes_own_threshold:
            raise ToolError(
                "--calibrate and --write-threshold are of the bundle's own threshold; "
                "leave --score-threshold out"
            )

    @property
    def calibration_command(self) -> str:
        """The command that the calibration quotes."""
        folders = shlex.join(map(str, self.calibration_folders))
        return f"{self.command} --calibrate {folders} --coverage {self.coverage:g}"

    @property
    def command(self) -> str:
        """The command that model.json quotes, without the options that write."""
        arguments = map(str, [self.bundle_dir, *self.folders])
        return f"python -m scripts.model.evaluate {shlex.join(arguments)}"


@dataclass(frozen=True)
class EvaluateResult:
    """A run's outcome.

    datasets: the evaluated pictures by dataset, in the order of `figures`; findings: by dataset.
    interval_coverage: how often the bundle's count interval was given and held, by dataset; empty
    where it is not of this threshold.
    """

    manifest: Manifest
    datasets: dict[str, list[EvaluatedPicture]]
    score_threshold: float
    figures: list[Figures]
    findings: dict[str, Findings]
    interval_coverage: dict[str, Coverage]


def run_evaluation(
    options: EvaluateOptions,
    on_best_threshold: Callable[[str, BestThreshold], None],
    on_warning: Callable[[str], None],
) -> EvaluateResult:
    """Evaluate a bundle on every folder, and write model.json where the options say so.

    on_best_threshold: called with each dataset's name and best threshold where one is looked for;
    of several datasets, with that of all their pictures, which is the one that is written, last.
    on_warning: called with a sentence about what was read or written. Raises ToolError, BundleError
    and OSError.
    """
    options.check()
    bundle = load_bundle(options.bundle_dir)
    detector, manifest = Detector.load(bundle, threads=options.threads), bundle.manifest
    folders = {name_dataset(folder): folder for folder in options.folders}
    if len(folders) < len(options.folders):
        raise ToolError("two of the folders have one name; rename one, or evaluate them in turn")
    datasets = {
        name: evaluate_pictures(detector, _read_pictures(folder, on_warning))
        for name, folder in folders.items()
    }
    if options.find_threshold or options.write_threshold:
        sets = dict(datasets)
        if len(sets) > 1:
            sets["all of them"] = [each for pictures in datasets.values() for each in pictures]
        for name, pictures in sets.items():
            best = find_best_count_threshold(pictures)
            on_best_threshold(name, best)
        if options.write_threshold:
            manifest = manifest_entries.with_score_threshold(manifest, best.score_threshold)
    threshold = options.score_threshold
    if threshold is None:
        threshold = manifest.thresholds.score
    figures = [
        compute_figures(pictures, manifest.classes, name, threshold)
        for name, pictures in datasets.items()
    ]
    findings = {
        name: find_findings(pictures, manifest.classes, threshold)
        for name, pictures in datasets.items()
    }
    calibrated_on: dict[str, list[EvaluatedPicture]] = {}
    if options.calibration_folders:
        calibrated_on = _read_calibration(options, detector, datasets, on_warning)
        manifest = manifest_entries.with_count_calibration(
            manifest,
            list(calibrated_on.values()),
            coverage=options.coverage,
            dataset=", ".join(calibrated_on),
            command=options.calibration_command,
        )
    if options.write_baseline:
        manifest = _write_baseline(options, manifest, datasets, on_warning)
    if options.write_figures or options.write_threshold:
        manifest = manifest_entries.with_evaluation(manifest, figures, options.command)
    if manifest != bundle.manifest:
        write_manifest(manifest, options.bundle_dir)
    coverage = {}
    if manifest.count_calibration and threshold == manifest.count_calibration.score_threshold:
        coverage = _measure_interval_coverage(manifest, datasets, calibrated_on)
    return EvaluateResult(manifest, datasets, threshold, figures, findings, coverage)


def _read_pictures(folder: Path, on_warning: Callable[[str], None]) -> list[LabelledPicture]:
    """The labelled pictures of a folder; what was corrected or looks wrong is told."""
    dataset = read_dataset(folder)
    for reason, count in dataset.corrections.items():
        on_warning(f"{folder}: {count} {reason}")
    for sentence in dataset.warnings:
        on_warning(f"{folder}: {sentence}")
    return list(dataset.pictures)


def _write_baseline(
    options: EvaluateOptions,
    manifest: Manifest,
    datasets: Mapping[str, list[EvaluatedPicture]],
    on_warning: Callable[[str], None],
) -> Manifest:
    """Write the reference beside model.json, of enough pictures; the manifest with its entries."""
    command = f"{options.command} --write-baseline"
    manifest = manifest_entries.with_training_scale(manifest, datasets, command)
    pictures = [picture.ground_truth for dataset in datasets.values() for picture in dataset]
    if len(pictures) < MIN_PICTURES:
        on_warning(
            f"no baseline for the monitor is written: {len(pictures)} pictures say little but "
            f"chance; it takes {MIN_PICTURES} at the least, better {MIN_RECORDS} or more"
        )
        return manifest
    bundle = Bundle(manifest, options.bundle_dir / ONNX_FILE)
    detector = Detector.load(bundle, threads=options.threads)
    total = count_predictions(len(pictures))
    with tqdm(total=total, unit="picture", desc="baseline", disable=None) as progress:
        baseline = build_baseline(
            bundle, detector, pictures, dataset=", ".join(datasets), on_picture=progress.update
        )
    path = options.bundle_dir / REFERENCE_FILE
    for sentence in (*baseline.warnings, *write_reference(baseline.reference, path)):
        on_warning(sentence)
    return manifest_entries.with_baseline(
        manifest,
        datasets,
        baseline.records,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        command,
    )


def _read_calibration(
    options: EvaluateOptions,
    detector: Detector,
    datasets: Mapping[str, list[EvaluatedPicture]],
    on_warning: Callable[[str], None],
) -> dict[str, list[EvaluatedPicture]]:
    """The pictures of the calibration's folders by name; those of `datasets` are there already."""
    calibrated_on: dict[str, list[EvaluatedPicture]] = {}
    evaluated = {folder.resolve(): name_dataset(folder) for folder in options.folders}
    for folder in options.calibration_folders:
        name = name_dataset(folder)
        if name in calibrated_on:
            raise ToolError(f"two folders to calibrate on have one name, {name}; rename one")
        known = evaluated.get(folder.resolve())
        calibrated_on[name] = (
            datasets[known]
            if known
            else evaluate_pictures(detector, _read_pictures(folder, on_warning))
        )
    return calibrated_on


def _measure_interval_coverage(
    manifest: Manifest,
    datasets: Mapping[str, list[EvaluatedPicture]],
    calibrated_on: Mapping[str, list[EvaluatedPicture]],
) -> dict[str, Coverage]:
    """By dataset. Pictures that the interval was calibrated on are left out of it one by one."""
    calibration = manifest.count_calibration
    assert calibration
    folders = [manifest_entries.count_objects(each, manifest) for each in calibrated_on.values()]
    coverage = {}
    for name, pictures in datasets.items():
        at = [n for n, each in enumerate(calibrated_on.values()) if each is pictures]
        measured = (
            leave_each_out(folders, at[0], calibration)
            if at
            else measure_coverage(manifest_entries.count_objects(pictures, manifest), calibration)
        )
        coverage[name] = measured._replace(pictures=len(pictures))
    return coverage
